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

module "refunds" {
  source = "../../../queue"

  name  = "example-refunds"
  alarm = { description = "Refunds wait. Look at the service that pays them." }
}

module "dashboard" {
  source = "../.."

  name_prefix = "example"
  name        = "refunds"
  flow        = { queues = { refunds = module.refunds.summary } }
}
