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

resource "aws_cloudwatch_event_bus" "shop" {
  name = "example-shop"
}

# The events wait here for their consumer.
module "orders" {
  source = "../../../queue"

  name    = "example-placed-orders"
  senders = { Rule = { service = "events.amazonaws.com", source_arn = module.rule.arn } }
  alarm   = { more_than = 1000, description = "Orders arrive faster than they are worked off." }
}

module "rule" {
  source = "../.."

  name           = "example-placed-orders"
  description    = "Queues each order that is placed in the shop"
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  pattern        = jsonencode({ source = ["example.shop"], "detail-type" = ["OrderPlaced"] })
  target_arn     = module.orders.arn
}
