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
  # Build the package first: python3 -m zipfile -c refunds.zip refunds
  package_file = "${path.module}/refunds.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-refunds-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/refunds/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "bus" {
  source = "../../../event_bus"

  name         = "example-refunds"
  archive_days = 7
}

module "platform" {
  source = "../../../platform_contract"

  platform = {
    name_prefix = "example-dev"
    environment = "dev"
    event_bus   = { name = module.bus.name, arn = module.bus.arn }
    logs        = { retention_days = 30, level = "INFO", execution_data = false }

    packages = {
      refunds = {
        name          = "refunds"
        bucket        = aws_s3_object.package.bucket
        key           = aws_s3_object.package.key
        sha256_base64 = filebase64sha256(local.package_file)
      }
    }
  }
}

module "workflow" {
  source = "../.."

  platform   = module.platform.platform
  flow       = "refunds"
  definition = { template = "${path.module}/refund.asl.json.tftpl" }

  # Raised by CheckAmount; one wrong refund raises no alarm.
  business_errors = ["WrongAmountError"]

  failed = { name = "failed", description = "Refunds failed. Fix what each message names, then redrive it." }

  task_functions = {
    CheckAmount = { module = "check_amount", description = "Refuses amounts that no refund can have" }
  }
}
