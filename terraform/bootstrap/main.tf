provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
  s3_use_path_style   = var.emulator_endpoint != null

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
    }
  }
}

data "aws_partition" "current" {}

locals {
  name_prefix = "${var.project}-${var.environment}"
  partition   = data.aws_partition.current.partition

  # Roles and policies of the bootstrap have a path of their own. The pipeline's rights are on
  # role/<prefix>-*, so they do not cover the bootstrap's.
  path = "/bootstrap/"

  buckets = {
    # Terraform's state of the environment; old versions can be restored.
    state = "${local.name_prefix}-state-${var.account_id}"
    # The Lambda packages of the environment's releases.
    artifacts = "${local.name_prefix}-artifacts-${var.account_id}"
  }
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:Object access is not logged here. For a log, the account adds data events to its CloudTrail
  # checkov:skip=CKV_AWS_145:S3 manages the keys; a key of ours would need a right for every reader of the bucket
  # checkov:skip=CKV_AWS_144:Versions protect against mistakes; the packages can be built again from the commit
  # checkov:skip=CKV2_AWS_61:A rollback needs old states and packages; they are small
  # checkov:skip=CKV2_AWS_62:Nothing waits for these objects
  for_each = local.buckets

  bucket = each.value

  lifecycle {
    # Changing an environment needs its state, and rolling it back needs its packages.
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  # S3 refuses a policy while it applies the block of public access.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

locals {
  bucket_arns = { for name, bucket in local.buckets : name => "arn:${local.partition}:s3:::${bucket}" }

  # Objects that are named by their digest never change. Results of smoke tests and origins of
  # releases, in other folders, are overwritten.
  immutable = {
    artifacts = [for folder in ["packages", "releases"] : "${local.bucket_arns.artifacts}/${folder}/*"]
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "OnlyEncryptedConnections"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arns[each.key], "${local.bucket_arns[each.key]}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      # The emulator speaks plain HTTP, on loopback.
      values = [var.emulator_endpoint == null ? "false" : "emulator"]
    }
  }

  dynamic "statement" {
    for_each = { for name, objects in local.immutable : name => objects if name == each.key }

    content {
      # With If-None-Match, S3 writes an object only where there is none.
      sid       = "WriteOnce"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = statement.value

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "Null"
        variable = "s3:if-none-match"
        values   = ["true"]
      }

      condition {
        # The parts of a large upload cannot have the header; the call that completes it can.
        test     = "Bool"
        variable = "s3:ObjectCreationOperation"
        values   = ["true"]
      }
    }
  }

  dynamic "statement" {
    for_each = { for name, objects in local.immutable : name => objects if name == each.key }

    content {
      sid       = "KeepForEver"
      effect    = "Deny"
      actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
      resources = statement.value

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
    }
  }
}

locals {
  api_gateway_role = "${local.name_prefix}-api-gateway-logs"
}

# API Gateway uses one role for the access logs of all APIs in an account and region.
resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.api_gateway_logs.arn
  depends_on          = [aws_iam_role_policy_attachment.api_gateway_logs]
}

resource "aws_iam_role" "api_gateway_logs" {
  name               = local.api_gateway_role
  description        = "Lets API Gateway write access logs."
  assume_role_policy = data.aws_iam_policy_document.api_gateway.json
}

data "aws_iam_policy_document" "api_gateway" {
  statement {
    sid     = "AssumedByApiGateway"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy_attachment" "api_gateway_logs" {
  role = aws_iam_role.api_gateway_logs.name
  # API Gateway accepts only a role with this policy's rights, which are on every log group.
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}
