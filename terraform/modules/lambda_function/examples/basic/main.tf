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
  # Build the package first: python3 -m zipfile -c greeting.zip greeting
  package_file = "${path.module}/greeting.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-greeting-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/greeting/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "greet" {
  source = "../.."

  name        = "example-greet"
  description = "Greets by name"
  handler     = "greeting.greet.handler"
  logs        = { retention_days = 30, level = "INFO" }

  package = {
    name          = "greeting"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}
