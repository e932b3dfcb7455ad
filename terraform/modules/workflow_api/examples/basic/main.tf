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

module "quote" {
  source = "../../../state_machine"

  name       = "example-quote"
  type       = "EXPRESS"
  definition = file("${path.module}/quote.asl.json")
  logs       = { retention_days = 30 }
}

module "order" {
  source = "../../../state_machine"

  name       = "example-order"
  definition = file("${path.module}/order.asl.json")
  logs       = { retention_days = 30 }
}

module "remarks" {
  source = "../../../queue"

  name  = "example-remarks"
  alarm = { at_once = false, description = "Remarks wait in example-remarks. Read them." }
}

module "api" {
  source = "../.."

  name        = "example-shop"
  description = "Quotes prices, takes orders and keeps remarks, without a function."
  stage       = "v1"
  openapi     = { template = "${path.module}/openapi.yaml.tftpl" }
  throttle    = { rate = 10, burst = 20 }
  logs        = { retention_days = 30 }

  targets = {
    "POST /quotes" = {
      execute = module.quote.alias_arn
      errors  = { UnknownArticle = { status = 422, cause = true } }
    }
    "POST /orders"       = { start = module.order.alias_arn, execution_name = "$.id" }
    "GET /orders/{name}" = { describe = module.order.arn }
    "POST /remarks"      = { queue = module.remarks.arn }
  }
}
