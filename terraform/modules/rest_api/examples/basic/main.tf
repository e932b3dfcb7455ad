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
  # Build the package first: python3 -m zipfile -c stock.zip stock
  package_file = "${path.module}/stock.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-stock-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/stock/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "function" {
  source = "../../../lambda_function"

  name        = "example-stock"
  description = "Says how many pieces of an article are in stock"
  handler     = "stock.read.handler"
  logs        = { retention_days = 30, level = "INFO" }

  package = {
    name          = "stock"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}

module "api" {
  source = "../.."

  name     = "example-stock"
  stage    = "v1"
  body     = templatefile("${path.module}/openapi.yaml.tftpl", { invoke_uri = module.function.invoke_uri })
  throttle = { rate = 10, burst = 20 }
  logs     = { retention_days = 30 }
}
