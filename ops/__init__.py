"""The operators' command line: local environment, Terraform, events, executions."""
