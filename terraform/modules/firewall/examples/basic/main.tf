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
  # Build the package first: python3 -m zipfile -c votes.zip votes
  package_file = "${path.module}/votes.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-votes-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

# Named by its content, so that a new package is a new object.
resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/votes/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "function" {
  source = "../../../lambda_function"

  name        = "example-votes"
  description = "Takes a vote"
  handler     = "votes.take.handler"
  logs        = { retention_days = 30, level = "INFO" }

  package = {
    name          = "votes"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}

module "api" {
  source = "../../../rest_api"

  name     = "example-votes"
  stage    = "v1"
  body     = templatefile("${path.module}/openapi.yaml.tftpl", { invoke_uri = module.function.invoke_uri })
  throttle = { rate = 100, burst = 100 }
  logs     = { retention_days = 30 }
}

# One address may vote ten times a minute.
module "firewall" {
  source = "../.."

  name      = "example-votes"
  limit     = { requests = 10, seconds = 60 }
  protected = { api = module.api.stage_arn }
}
