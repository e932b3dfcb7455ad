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
  # A guard that only looks at the record; build/package.py builds the real one.
  # Build the package first: python3 -m zipfile -c guard.zip package/canary_guard
  package_file = "${path.module}/guard.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-guard-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/guard/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "canary_guard" {
  source = "../.."

  name_prefix      = "example-shop"
  parameter_prefix = "/example/shop/"
  logs             = { retention_days = 30, level = "INFO" }

  package = {
    name          = "guard"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}
