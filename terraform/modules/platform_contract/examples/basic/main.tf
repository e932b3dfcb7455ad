terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

# Region and credentials come from the environment, such as AWS_REGION and AWS_PROFILE.
provider "aws" {}

module "platform" {
  source = "../.."

  platform = {
    name_prefix = "example-dev"
    environment = "dev"
    event_bus   = { name = "example-dev", arn = "arn:aws:events:us-east-1:111111111111:event-bus/example-dev" }
    packages    = {}
    logs        = { retention_days = 30, level = "INFO", execution_data = false }
  }
}
