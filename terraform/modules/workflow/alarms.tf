# A workflow with business errors is watched by its technical failures, which raise an alarm at once, and
# by the share of its executions that fail, for whatever reason.

locals {
  by_error = length(var.business_errors) == 0 ? {} : { this = "${local.name}-technical-failures" }

  failures = {
    # CatchErrors logs the error of each execution that it handles.
    handled = {
      log_group_name = module.task_function["CatchErrors"].log_group_name
      pattern        = "{ ${join(" && ", concat(["$.message = \"execution failed\""], [for name in var.business_errors : "$.error != \"${name}\""]))} }"
    }
    # Errors that no Catch handles, such as an output that is too large.
    unhandled = {
      log_group_name = module.state_machine.log_group_name
      pattern        = "{ $.type = \"ExecutionFailed\" && $.details.error = \"States.*\" }"
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "technical_failures" {
  for_each = length(var.business_errors) == 0 ? {} : local.failures

  name           = "technical-failures"
  log_group_name = each.value.log_group_name
  pattern        = each.value.pattern

  metric_transformation {
    namespace = "Flowbridge"
    name      = local.by_error["this"]
    value     = "1"
    unit      = "Count"
  }
}

moved {
  from = module.state_machine.aws_cloudwatch_metric_alarm.this["failed"]
  to   = aws_cloudwatch_metric_alarm.technical_failures["this"]
}

resource "aws_cloudwatch_metric_alarm" "technical_failures" {
  for_each = local.by_error

  alarm_name          = "${local.name}-failed"
  alarm_description   = "Executions of ${local.name} failed for a technical reason."
  namespace           = "Flowbridge"
  metric_name         = each.value
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.platform.alarm_actions
  ok_actions          = var.platform.alarm_actions
  tags                = local.tags
}

# By the metrics of Step Functions: it also fires if the lines above should change.
resource "aws_cloudwatch_metric_alarm" "failed_share" {
  for_each = local.by_error

  alarm_name          = "${local.name}-failed-share"
  alarm_description   = "More than ${var.platform.failed_share.percent} % of the executions of ${local.name}, and at least ${var.platform.failed_share.at_least}, failed within ${var.platform.failed_share.minutes} minutes. ${var.failed.description}"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.platform.failed_share.percent
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.platform.alarm_actions
  ok_actions          = var.platform.alarm_actions
  tags                = local.tags

  metric_query {
    id          = "share"
    label       = "Failed executions in percent"
    expression  = "IF(failed >= ${var.platform.failed_share.at_least}, 100 * failed / started, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "ExecutionsFailed", started = "ExecutionsStarted" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/States"
        metric_name = metric_query.value
        dimensions  = { StateMachineArn = module.state_machine.arn }
        stat        = "Sum"
        period      = var.platform.failed_share.minutes * 60
      }
    }
  }
}
