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

module "bus" {
  source = "../.."

  name         = "example-bus"
  archive_days = 30
  # For auditors, who ask for what each event said.
  whole_events = { days = 365 }
}
