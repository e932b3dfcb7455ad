"""The article's three functions behind its API."""
