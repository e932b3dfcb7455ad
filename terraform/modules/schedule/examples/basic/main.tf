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

module "days" {
  source = "../../../queue"

  name  = "example-days-to-bill"
  alarm = { description = "Days wait for more than three days to be billed." }
}

module "billing" {
  source = "../../../state_machine"

  name       = "example-billing"
  definition = templatefile("${path.module}/billing.asl.json.tftpl", { queue_url = module.days.url })
  logs       = { retention_days = 30 }
}

module "nightly" {
  source = "../.."

  name        = "example-billing-nightly"
  description = "Bills the day that ends"
  schedule    = { expression = "cron(50 23 * * ? *)", timezone = "Europe/Vienna", flexible_minutes = 5 }
  target_arn  = module.billing.alias_arn

  event = {
    source      = "example.billing"
    detail_type = "BillDay"
    detail      = jsonencode({ moment = "<aws.scheduler.scheduled-time>" })
  }
}
