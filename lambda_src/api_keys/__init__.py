"""API Gateway keys whose values never enter the Terraform state."""
