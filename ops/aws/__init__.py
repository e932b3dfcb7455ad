"""AWS clients, and calls of Lambda functions."""
