data "aws_partition" "current" {}

locals {
  # Composed, so that policies that name the bucket are known before it is made.
  arn = "arn:${data.aws_partition.current.partition}:s3:::${var.name}"
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:Object access is not logged here. For a log, the account adds data events to its CloudTrail
  # checkov:skip=CKV_AWS_145:S3 manages the keys; every reader of the bucket would get the right on the key as well
  # checkov:skip=CKV_AWS_144:Versions protect against mistakes; a copy in another region would spread personal data
  # checkov:skip=CKV2_AWS_62:Buckets send events where a flow waits for them (sends_events)
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

resource "aws_s3_bucket_notification" "this" {
  for_each = var.sends_events ? { this = aws_s3_bucket.this.id } : {}

  bucket      = each.value
  eventbridge = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # Buckets that are deleted with the flow need no rule of their own; the provider waits a minute for one.
  for_each = var.deletion_protection || length(var.lifecycle_rules) > 0 ? { this = aws_s3_bucket.this.id } : {}

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

  dynamic "rule" {
    for_each = var.lifecycle_rules

    content {
      id     = rule.key
      status = "Enabled"

      # S3 takes one condition by itself, and several only within "and".
      filter {
        prefix = length(rule.value.tags) == 0 ? rule.value.prefix : null

        dynamic "tag" {
          for_each = rule.value.prefix == null && length(rule.value.tags) == 1 ? rule.value.tags : {}

          content {
            key   = tag.key
            value = tag.value
          }
        }

        dynamic "and" {
          for_each = length(rule.value.tags) + (rule.value.prefix == null ? 0 : 1) > 1 && length(rule.value.tags) > 0 ? { this = rule.value } : {}

          content {
            prefix = and.value.prefix
            tags   = and.value.tags
          }
        }
      }

      dynamic "transition" {
        for_each = rule.value.move_after_days

        content {
          storage_class = transition.key
          days          = transition.value
        }
      }

      dynamic "expiration" {
        for_each = rule.value.delete_after_days == null ? {} : { this = rule.value.delete_after_days }

        content {
          days = expiration.value
        }
      }

      dynamic "noncurrent_version_transition" {
        for_each = rule.value.move_old_versions_after_days

        content {
          storage_class   = noncurrent_version_transition.key
          noncurrent_days = noncurrent_version_transition.value
        }
      }

      dynamic "noncurrent_version_expiration" {
        for_each = rule.value.delete_old_versions_after_days == null ? {} : { this = rule.value.delete_old_versions_after_days }

        content {
          noncurrent_days = noncurrent_version_expiration.value
        }
      }
    }
  }

  # Rules for old versions need a bucket that keeps them.
  depends_on = [aws_s3_bucket_versioning.this]
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
