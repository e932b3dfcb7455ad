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

module "network" {
  source = "../.."

  name     = "example-network"
  settings = { own = { cidr = "10.20.0.0/20", zones = 2 } }
  logs     = { retention_days = 30 }
}
