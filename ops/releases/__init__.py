"""Releases: build, release, promote, roll back, smoke test, drift."""
