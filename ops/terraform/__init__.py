"""Terraform: environments, runs, checks, and what the state machines' templates say."""
