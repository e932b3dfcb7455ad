data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Composed, so that policies that name the table are known before it is made.
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "dynamodb", data.aws_region.current.name,
    data.aws_caller_identity.current.account_id, "table/${var.name}",
  ])
}

resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_119:DynamoDB encrypts every table; whoever may read this one would be given the right on the key as well
  # checkov:skip=CKV2_AWS_16:Paid by request, a table has no capacity to scale
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.keys.partition
  range_key                   = var.keys.sort
  deletion_protection_enabled = var.keep_data
  tags                        = var.tags

  dynamic "attribute" {
    for_each = toset(compact([var.keys.partition, var.keys.sort]))

    content {
      name = attribute.key
      type = "S"
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    throttled = { metric = "ThrottledRequests", text = "refused requests: more came at once than a table that is paid by request, or a single partition key, takes. Callers try again." }
    failed    = { metric = "SystemErrors", text = "failed inside of DynamoDB. Callers try again; see the AWS Health Dashboard if it lasts." }
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The table ${var.name} ${each.value.text}"
  namespace           = "AWS/DynamoDB"
  metric_name         = each.value.metric
  dimensions          = { TableName = var.name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
