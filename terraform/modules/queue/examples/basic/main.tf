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

module "dead_letters" {
  source = "../.."

  name  = "example-work-dead-letters"
  alarm = { description = "Orders that failed five times are here. Fix the cause, then redrive them." }
}

module "work" {
  source = "../.."

  name    = "example-work"
  redrive = { dead_letter_queue_arn = module.dead_letters.existing_arn, max_receive_count = 5 }
  alarm   = { more_than = 1000, description = "Orders arrive faster than they are worked off." }
}
