data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  # Composed, so that policies that name the topic are known before it is made.
  arn = "arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.id}:${local.account_id}:${var.name}"

  subscriptions = merge(
    { for key, queue in var.queues : key => { protocol = "sqs", endpoint = queue.arn, raw = queue.raw, filter = queue.filter } },
    { for key, function in var.functions : key => { protocol = "lambda", endpoint = function.alias_arn, raw = false, filter = function.filter } },
  )
  own_key = var.encrypted && length(var.publishers) > 0 ? { this = "alias/${var.name}" } : {}
}

data "aws_iam_policy_document" "topic" {
  dynamic "statement" {
    for_each = var.publishers

    content {
      sid       = "PublishFrom${statement.key}"
      actions   = ["sns:Publish"]
      resources = [local.arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }

      condition {
        test     = statement.value.names_source ? "ArnLike" : "ArnLikeIfExists"
        variable = "aws:SourceArn"
        values   = [statement.value.source_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = var.emulator == null ? { refuse = local.arn } : {}

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

resource "aws_sns_topic" "this" {
  name = var.name
  # The key that AWS manages for SNS lets no service in.
  kms_master_key_id = var.encrypted ? try(module.key["this"].arn, "alias/aws/sns") : null
  # Inline: no message can be published before there is a policy.
  policy = length(var.publishers) == 0 && var.emulator != null ? null : data.aws_iam_policy_document.topic.json
  tags   = var.tags
}

module "key" {
  source   = "../kms_key"
  for_each = local.own_key

  name        = var.name
  description = "Encrypts the messages of ${var.name} until they are delivered"
  policy      = data.aws_iam_policy_document.key.json
  # The topic keeps no messages, so its key has nothing to bring back.
  deletion_days = 7
  tags          = var.tags
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_111:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_356:In a key's policy "*" is the key itself
  dynamic "statement" {
    for_each = var.publishers

    content {
      sid       = "EncryptFrom${statement.key}"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }

      condition {
        test     = statement.value.names_source ? "ArnLike" : "ArnLikeIfExists"
        variable = "aws:SourceArn"
        values   = [statement.value.source_arn]
      }
    }
  }
}

module "undelivered" {
  source = "../queue"

  name    = "${var.name}-undelivered"
  senders = { Topic = { service = "sns.amazonaws.com", source_arn = local.arn } }
  alarm = {
    description = "Messages that the topic ${var.name} could not deliver wait in ${var.name}-undelivered. Fix the subscriber, then send them to it."
  }
  emulator      = var.emulator
  alarm_actions = var.alarm_actions
  tags          = var.tags
}

resource "aws_lambda_permission" "this" {
  for_each = var.functions

  statement_id  = "${var.name}-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = split(":", each.value.alias_arn)[6]
  qualifier     = split(":", each.value.alias_arn)[7]
  principal     = "sns.amazonaws.com"
  source_arn    = local.arn
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn            = aws_sns_topic.this.arn
  protocol             = each.value.protocol
  endpoint             = each.value.endpoint
  raw_message_delivery = each.value.raw
  filter_policy        = each.value.filter
  redrive_policy       = jsonencode({ deadLetterTargetArn = module.undelivered.existing_arn })

  depends_on = [aws_lambda_permission.this]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    failed = {
      metric = "NumberOfNotificationsFailed"
      text   = "could not deliver a message to a subscriber. Its undelivered queue has the message."
    }
    lost = {
      metric = "NumberOfNotificationsFailedToRedriveToDlq"
      text   = "could neither deliver a message nor put it into its undelivered queue."
    }
  }

  alarm_name          = "${var.name}-delivery-${each.key}"
  alarm_description   = "The topic ${var.name} ${each.value.text}"
  namespace           = "AWS/SNS"
  metric_name         = each.value.metric
  dimensions          = { TopicName = var.name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
