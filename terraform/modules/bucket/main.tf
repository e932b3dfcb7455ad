data "aws_partition" "current" {}

locals {
  # Composed, so that policies that name the bucket are known before it is made.
  arn = "arn:${data.aws_partition.current.partition}:s3:::${var.name}"
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:Object access is not logged here. For a log, the account adds data events to its CloudTrail
  # checkov:skip=CKV_AWS_145:S3 manages the keys; every reader of the bucket would get the right on the key as well
  # checkov:skip=CKV_AWS_144:Versions protect against mistakes; a copy in another region would spread personal data
  # checkov:skip=CKV2_AWS_62:Nothing waits for these objects
  bucket        = var.name
  force_destroy = !var.deletion_protection
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # Buckets that are deleted with the flow need no lifecycle rule; the provider waits a minute for one.
  for_each = var.deletion_protection ? { this = aws_s3_bucket.this.id } : {}

  bucket = each.value

  rule {
    id     = "forget-what-was-replaced"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_versions_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = var.policies

  dynamic "statement" {
    for_each = var.emulator == null ? { refuse = local.arn } : {}

    content {
      sid       = "OnlyEncryptedConnections"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [statement.value, "${statement.value}/*"]

      principals {
        type        = "AWS"
        identifiers = ["*"]
      }

      condition {
        test     = "Bool"
        variable = "aws:SecureTransport"
        values   = ["false"]
      }
    }
  }
}

moved {
  from = aws_s3_bucket_policy.this
  to   = aws_s3_bucket_policy.this["this"]
}

resource "aws_s3_bucket_policy" "this" {
  # On the emulator, which serves plain HTTP, a bucket may have no statement at all.
  for_each = var.emulator == null || length(var.policies) > 0 ? { this = aws_s3_bucket.this.id } : {}

  bucket = each.value
  policy = data.aws_iam_policy_document.this.json

  # While public access is being blocked, S3 refuses to take a policy at the same time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
