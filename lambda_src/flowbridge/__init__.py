"""The library that all Lambda packages share."""
