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

module "observability" {
  source = "../.."

  name            = "example-shop"
  alarm_receivers = ["operations@example.com"]
}

# Its alarms go to the topic, because their names begin with example-shop.
module "orders" {
  source = "../../../queue"

  name          = "example-shop-orders"
  alarm         = { description = "Orders wait for more than three days." }
  alarm_actions = [module.observability.topic_arn]
}
