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
  # Build the package first: python3 -m zipfile -c orders.zip orders
  package_file = "${path.module}/orders.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-orders-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/orders/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "platform" {
  source = "../../../platform_contract"

  platform = {
    name_prefix = "example-dev"
    environment = "dev"
    logs        = { retention_days = 30, level = "INFO", execution_data = false }
    # The function of this example publishes no events.
    event_bus = { name = "default", arn = "arn:aws:events:us-east-1:111111111111:event-bus/default" }

    packages = {
      orders = {
        name          = "orders"
        bucket        = aws_s3_object.package.bucket
        key           = aws_s3_object.package.key
        sha256_base64 = filebase64sha256(local.package_file)
      }
    }
  }
}

module "payments" {
  source = "../.."

  platform            = module.platform.platform
  flow                = "orders"
  name                = "payments"
  batch               = { size = 5 }
  maximum_concurrency = 2
  max_receive_count   = 1
  filters             = [jsonencode({ body = { amount = [{ exists = true }] } })]
  alarm               = { description = "Payments failed. Fix what each message names, then redrive it." }

  function = {
    module          = "take_payment"
    description     = "Takes the payment of an order"
    timeout_seconds = 3
  }
}
