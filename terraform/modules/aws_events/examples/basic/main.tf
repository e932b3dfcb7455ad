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

data "aws_caller_identity" "current" {}

locals {
  bucket  = "example-pictures-${data.aws_caller_identity.current.account_id}"
  created = { source = ["aws.s3"], "detail-type" = ["Object Created"], resources = ["arn:aws:s3:::${local.bucket}"] }
  deleted = merge(local.created, { "detail-type" = ["Object Deleted"] })
}

module "pictures" {
  source = "../../../bucket"

  name                = local.bucket
  deletion_protection = false
  sends_events        = true
}

module "bus" {
  source = "../../../event_bus"

  name         = "example-pictures"
  archive_days = 7
}

module "aws_events" {
  source = "../.."

  name          = "example-pictures-aws-events"
  patterns      = [local.created, local.deleted]
  event_bus_arn = module.bus.arn
}

# The events wait here for their consumer.
module "changes" {
  source = "../../../queue"

  name    = "example-changed-pictures"
  senders = { Rule = { service = "events.amazonaws.com", source_arn = module.rule.arn } }
  alarm   = { more_than = 1000, description = "Pictures change faster than they are worked off." }
}

module "rule" {
  source = "../../../event_rule"

  name           = "example-changed-pictures"
  description    = "Queues each change of a picture."
  event_bus_name = module.bus.name
  pattern        = jsonencode(local.created)
  target_arn     = module.changes.arn
}
