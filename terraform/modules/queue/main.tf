data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id

  # Composed of names: plans show every policy that names the queue, and nothing waits the 25 s that
  # the provider takes to read a new queue's attributes.
  arn = "arn:${data.aws_partition.current.partition}:sqs:${local.region}:${local.account_id}:${var.name}"
  url = (
    var.emulator == null
    ? "https://sqs.${local.region}.${data.aws_partition.current.dns_suffix}/${local.account_id}/${var.name}"
    : "${var.emulator.endpoint}/${local.account_id}/${var.name}"
  )

  at_once = {
    depth = {
      period  = 60
      periods = 1
      more    = var.alarm.more_than
      text    = var.alarm.description
    }
  }
}

data "aws_iam_policy_document" "queue" {
  dynamic "statement" {
    for_each = var.emulator == null ? { refuse = local.arn } : {}

    content {
      sid       = "RefusePlainHttp"
      effect    = "Deny"
      actions   = ["sqs:ReceiveMessage", "sqs:SendMessage"]
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

  dynamic "statement" {
    for_each = var.senders

    content {
      sid       = "SendFrom${statement.key}"
      actions   = ["sqs:SendMessage"]
      resources = [local.arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value.source_arn]
      }
    }
  }
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  message_retention_seconds  = var.retention_days * 24 * 60 * 60
  visibility_timeout_seconds = var.visibility_timeout_seconds
  receive_wait_time_seconds  = 20
  # Inline: a separate policy resource adds a second 25 s wait.
  policy = var.emulator != null && length(var.senders) == 0 ? null : data.aws_iam_policy_document.queue.json
  redrive_policy = var.redrive == null ? null : jsonencode({
    deadLetterTargetArn = var.redrive.dead_letter_queue_arn
    maxReceiveCount     = var.redrive.max_receive_count
  })
  tags = var.tags
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(var.alarm.at_once ? local.at_once : {}, {
    # Not by ApproximateAgeOfOldestMessage: SQS leaves out what was received three times, and to look
    # at a message is to receive it.
    age = {
      period  = 3600
      periods = var.alarm.older_than_hours
      more    = 0
      text    = "A message has waited in ${var.name} for more than ${var.alarm.older_than_hours} hours; after ${var.retention_days} days it is lost. ${var.alarm.description}"
    }
  })

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = var.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.more
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
