data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  topic_name = "${var.name}-alarms"
  # Composed, so that the alarms that go to the topic are known when Terraform plans.
  topic_arn        = "arn:${local.partition}:sns:${local.region}:${local.account}:${local.topic_name}"
  alarm_arn_prefix = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:"
}

# --- the topic to which every alarm goes -----------------------------------------------------

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_111:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_356:In a key's policy "*" is the key itself
  statement {
    # The key that AWS manages for SNS lets no service in, so alarms would be dropped without a word.
    sid       = "EncryptAlarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    # AWS does not document whether CloudWatch names the alarm to KMS, and a lost alarm stays unseen.
    # The topic's policy decides which alarms may publish.
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLikeIfExists"
      variable = "aws:SourceArn"
      values   = ["${local.alarm_arn_prefix}${var.name}-*"]
    }
  }
}

module "key" {
  source = "../kms_key"

  name          = local.topic_name
  description   = "Encrypts the alarms of ${var.name} on the way to their receivers"
  policy        = data.aws_iam_policy_document.key.json
  deletion_days = 7
  tags          = var.tags
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "PublishAlarms"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.alarm_arn_prefix}${var.name}-*"]
    }
  }

  dynamic "statement" {
    for_each = var.emulator == null ? { refuse = local.topic_arn } : {}

    content {
      sid       = "RefusePlainHttp"
      effect    = "Deny"
      actions   = ["sns:Publish"]
      resources = [statement.value]

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

resource "aws_sns_topic" "alarms" {
  name              = local.topic_name
  display_name      = var.name
  kms_master_key_id = module.key.arn
  policy            = data.aws_iam_policy_document.topic.json
  tags              = var.tags
}

# Each receiver confirms once, by the link that it gets.
resource "aws_sns_topic_subscription" "receiver" {
  for_each = var.alarm_receivers

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = startswith(each.value, "https://") ? "https" : "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "unheard" {
  alarm_name          = "${local.topic_name}-unheard"
  alarm_description   = "An alarm did not reach one of the receivers of ${local.topic_name}; the others have this one. Look at the receiver's subscription."
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  dimensions          = { TopicName = local.topic_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topic_arn]
  ok_actions          = [local.topic_arn]
  tags                = var.tags

  depends_on = [aws_sns_topic.alarms]
}
