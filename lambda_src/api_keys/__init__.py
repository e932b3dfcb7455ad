"""API keys of API Gateway whose values never enter the Terraform state."""
