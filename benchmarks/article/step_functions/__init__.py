"""The article's five states."""
