"""Revert a release whose canary fails, or whose promotion was cut off."""
