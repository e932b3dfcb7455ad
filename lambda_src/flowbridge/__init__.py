"""The small library that every Lambda package shares."""
