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

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

resource "aws_security_group" "jobs" {
  name        = "example-squares"
  description = "Containers of the example's jobs"
  vpc_id      = data.aws_vpc.default.id
}

resource "aws_vpc_security_group_egress_rule" "services" {
  security_group_id = aws_security_group.jobs.id
  description       = "The registry and the services of AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

locals {
  # Build the package first: python3 -m zipfile -c squares.zip squares
  package_file = "${path.module}/squares.zip"
}

module "packages" {
  source = "../../../bucket"

  name                = "example-squares-packages-${data.aws_caller_identity.current.account_id}"
  deletion_protection = false
}

resource "aws_s3_object" "package" {
  bucket = module.packages.name
  key    = "releases/squares/${filesha256(local.package_file)}.zip"
  source = local.package_file
}

module "squares" {
  source = "../.."

  name        = "example-squares"
  logs        = { retention_days = 30 }
  code_bucket = module.packages.name

  network = {
    subnet_ids         = data.aws_subnets.default.ids
    security_group_ids = [aws_security_group.jobs.id]
    # The default VPC has public subnets.
    public_address = true
  }

  jobs = {
    square = {
      package    = { name = "squares", bucket = aws_s3_object.package.bucket, key = aws_s3_object.package.key }
      module     = "squares.square"
      parameters = ["number"]
    }
  }
}
