resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn  = var.table.stream_arn
  function_name     = var.function.alias_arn
  starting_position = var.starting_position
  tags              = var.tags

  batch_size                         = var.batch.size
  maximum_batching_window_in_seconds = var.batch.window_seconds
  parallelization_factor             = var.batch.parallelization

  bisect_batch_on_function_error = var.failures.bisect
  maximum_retry_attempts         = var.failures.maximum_retries
  maximum_record_age_in_seconds  = var.failures.maximum_age_seconds
  # The function answers with the records that failed, so the others are not repeated.
  function_response_types = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = module.undelivered.existing_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(var.filters) == 0 ? {} : { this = var.filters }

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value
        }
      }
    }
  }

  # Lambda checks the rights when it makes the mapping.
  depends_on = [aws_iam_role_policy.this]
}

module "undelivered" {
  source = "../queue"

  name = "${var.name}-undelivered"
  alarm = {
    description = "Records of the table ${var.table.name} that ${var.function.name} could not process wait in ${var.name}-undelivered. The stream keeps them for 24 hours: fix the cause, then redrive them."
  }
  emulator      = var.emulator
  alarm_actions = var.alarm_actions
  tags          = var.tags
}

# Lambda reads the stream, and writes to the queue, as the function's role.
resource "aws_iam_role_policy" "this" {
  name   = "stream-${var.table.name}"
  role   = var.function.role_name
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  statement {
    sid = "ReadStream"
    actions = [
      "dynamodb:DescribeStream",
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
      "dynamodb:ListStreams",
    ]
    # DynamoDB names a stream by the time at which it is made.
    resources = ["${var.table.arn}/stream/*"]
  }

  statement {
    sid       = "KeepFailedRecords"
    actions   = ["sqs:SendMessage"]
    resources = [module.undelivered.arn]
  }
}

resource "aws_cloudwatch_metric_alarm" "late" {
  alarm_name          = "${var.name}-late"
  alarm_description   = "Records of the table ${var.table.name} wait for ${var.function.name} for more than ${var.alarm.late_seconds} s. Its log says why; the stream drops records after 24 hours."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = var.function.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm.late_seconds * 1000
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
