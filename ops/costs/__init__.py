"""The monthly costs of the environments, from list prices, counted runs and marked estimates."""
