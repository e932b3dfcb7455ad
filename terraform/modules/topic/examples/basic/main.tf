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
data "aws_region" "current" {}

locals {
  # Build the package first: python3 -m zipfile -c orders.zip orders
  package_file = "${path.module}/orders.zip"
  alarms       = "arn:aws:cloudwatch:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:alarm:example-*"
}

# CloudWatch publishes the alarms of a store, which wait in a queue, and call a function.
module "alarms" {
  source = "../.."

  name       = "example-store-alarms"
  publishers = { Alarms = { service = "cloudwatch.amazonaws.com", source_arn = local.alarms } }
  queues     = { log = { arn = module.log.arn } }
  functions  = { announce = { alias_arn = module.announce.alias_arn } }
}

module "log" {
  source = "../../../queue"

  name    = "example-store-alarms-log"
  senders = { Topic = { service = "sns.amazonaws.com", source_arn = module.alarms.arn } }
  alarm   = { more_than = 1000, description = "Alarms arrive faster than they are read." }
}

module "packages" {
  source = "../../../bucket"

  name                = "example-store-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/orders/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "announce" {
  source = "../../../lambda_function"

  name        = "example-store-alarms-announce"
  description = "Announces each alarm"
  handler     = "orders.announce.handler"
  logs        = { retention_days = 30, level = "INFO" }

  package = {
    name          = "orders"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}
