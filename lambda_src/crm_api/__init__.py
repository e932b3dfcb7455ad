"""The backend functions of the CRM API, and the migrations of its database."""
