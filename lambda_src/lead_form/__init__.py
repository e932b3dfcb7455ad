"""The function behind the lead form."""
