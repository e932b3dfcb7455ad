data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Composed, so that policies that name the table are known before it is made.
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "dynamodb", data.aws_region.current.id,
    data.aws_caller_identity.current.account_id, "table/${var.name}",
  ])
}

resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_119:DynamoDB encrypts every table; every reader of this one would get the right on the key as well
  # checkov:skip=CKV2_AWS_16:Paid by request, a table has no capacity to scale
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.keys.partition
  range_key                   = var.keys.sort
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = var.stream != null
  stream_view_type            = var.stream
  tags                        = var.tags

  dynamic "attribute" {
    for_each = toset(compact(concat(
      [var.keys.partition, var.keys.sort],
      flatten([for index in values(var.indexes) : [index.partition, index.sort]]),
    )))

    content {
      name = attribute.key
      type = contains(var.number_keys, attribute.key) ? "N" : "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes

    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value.partition
      range_key       = global_secondary_index.value.sort
      projection_type = global_secondary_index.value.whole_items ? "ALL" : "KEYS_ONLY"
    }
  }

  dynamic "ttl" {
    for_each = var.ttl_attribute == null ? {} : { this = var.ttl_attribute }

    content {
      enabled        = true
      attribute_name = ttl.value
    }
  }

  point_in_time_recovery {
    enabled = true
  }
}

# Throttling is a metric of the table, other errors are metrics of each operation
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html).
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    throttled = {
      metrics = [for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : { name = metric, dimensions = {} }]
      text    = "refused requests: more came at once than a table that is paid by request, or a single partition key, takes. Callers try again."
    }
    failed = {
      metrics = [for operation in ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem"] : { name = "SystemErrors", dimensions = { Operation = operation } }]
      text    = "failed inside of DynamoDB. Callers try again; see the AWS Health Dashboard if it lasts."
    }
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The table ${var.name} ${each.value.text}"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "sum"
    label       = each.key
    expression  = join(" + ", [for index, _ in each.value.metrics : "FILL(m${index}, 0)"])
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = "m${metric_query.key}"

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = metric_query.value.name
        dimensions  = merge({ TableName = var.name }, metric_query.value.dimensions)
        stat        = "Sum"
        period      = 300
      }
    }
  }
}
