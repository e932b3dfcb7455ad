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
  # Build the package first: python3 -m zipfile -c parcels.zip parcels
  package_file = "${path.module}/parcels.zip"
}

module "parcels" {
  source = "../../../table"

  name   = "example-parcels"
  keys   = { partition = "parcelId" }
  stream = "NEW_IMAGE"
  # Lets 'terraform destroy' delete the example.
  deletion_protection = false
}

module "packages" {
  source = "../../../bucket"

  name                = "example-parcels-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "packages/parcels/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "announce" {
  source = "../../../lambda_function"

  name        = "example-parcels-announce"
  description = "Announces each parcel"
  handler     = "parcels.announce.handler"
  logs        = { retention_days = 30, level = "INFO" }

  package = {
    name          = "parcels"
    bucket        = aws_s3_object.package.bucket
    key           = aws_s3_object.package.key
    sha256_base64 = filebase64sha256(local.package_file)
  }
}

# New parcels only. One without a receiver is tried twice, then its record is in the undelivered queue.
module "new_parcels" {
  source = "../.."

  name     = "example-new-parcels"
  table    = module.parcels
  function = module.announce
  filters  = [jsonencode({ eventName = ["INSERT"] })]
  failures = { maximum_retries = 1 }
}
