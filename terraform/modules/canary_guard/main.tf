data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"

  # Everything of the environment: a release changes any of its functions and state machines.
  functions      = "arn:${local.partition}:lambda:${local.place}:function:${var.name_prefix}-*"
  log_groups     = "arn:${local.partition}:logs:${local.place}:log-group:/aws/lambda/${var.name_prefix}-*"
  state_machines = "arn:${local.partition}:states:${local.place}:stateMachine"
  parameters     = "arn:${local.partition}:ssm:${local.place}:parameter${var.parameter_prefix}"

  rules = {
    alarms = {
      description = "Calls the canary guard when an alarm fires."
      pattern = jsonencode({
        source        = ["aws.cloudwatch"]
        "detail-type" = ["CloudWatch Alarm State Change"]
        detail = {
          alarmName = [{ prefix = "${var.name_prefix}-" }]
          state     = { value = ["ALARM"] }
        }
      })
      schedule = null
    }
    clock = {
      description = "Calls the canary guard every minute, to end a canary whose promotion was cut off."
      pattern     = null
      schedule    = "rate(1 minute)"
    }
  }
}

module "function" {
  source = "../lambda_function"

  # The beginning of a role's name decides its boundary: this one is the platform's.
  name          = "${var.name_prefix}-platform-canary-guard"
  description   = "Reverts a release whose canary fails, or whose promotion was cut off."
  package       = var.package
  handler       = "canary_guard.guard.handler"
  logs          = var.logs
  role          = var.role
  alarm_actions = var.alarm_actions
  tags          = var.tags
  # A state machine with many failed executions, and every function's log.
  timeout_seconds = 120

  environment = {
    NAME_PREFIX      = "${var.name_prefix}-"
    PARAMETER_PREFIX = var.parameter_prefix
    STATE_MACHINES   = local.state_machines
  }

  statements = {
    ReadCanary = {
      actions   = ["ssm:GetParameter"]
      resources = ["${local.parameters}canary", "${local.parameters}release"]
    }
    RecordRevert = {
      actions   = ["ssm:PutParameter"]
      resources = ["${local.parameters}canary", "${local.parameters}release"]
    }
    EndCanary = {
      actions   = ["ssm:DeleteParameter"]
      resources = ["${local.parameters}canary"]
    }
    ReadFunctions = {
      actions   = ["lambda:GetAlias"]
      resources = [local.functions]
    }
    RevertFunctions = {
      actions   = ["lambda:UpdateAlias"]
      resources = [local.functions]
    }
    ReadErrors = {
      actions   = ["logs:FilterLogEvents"]
      resources = [local.log_groups]
    }
    ReadStateMachines = {
      actions   = ["states:DescribeStateMachineAlias", "states:ListExecutions"]
      resources = ["${local.state_machines}:${var.name_prefix}-*"]
    }
    RevertStateMachines = {
      actions   = ["states:UpdateStateMachineAlias"]
      resources = ["${local.state_machines}:${var.name_prefix}-*"]
    }
    ReadFailedExecutions = {
      actions   = ["states:DescribeExecution"]
      resources = [replace("${local.state_machines}:${var.name_prefix}-*", ":stateMachine:", ":execution:")]
    }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name                = "${module.function.name}-${each.key}"
  description         = each.value.description
  event_pattern       = each.value.pattern
  schedule_expression = each.value.schedule
  # Explicit, so that a rule that was disabled by hand is drift.
  state = "ENABLED"
  tags  = var.tags
}

resource "aws_lambda_permission" "this" {
  for_each = local.rules

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = module.function.name
  qualifier     = module.function.alias
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[each.key].arn
}

# Without an undelivered queue: a call that comes late is of no use.
resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.this[each.key].name
  target_id = "guard"
  arn       = module.function.alias_arn

  retry_policy {
    maximum_event_age_in_seconds = 600
    maximum_retry_attempts       = 10
  }

  depends_on = [aws_lambda_permission.this]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge([
    for rule in keys(local.rules) : {
      "${rule}-delivery-failed" = {
        rule   = rule
        metric = "FailedInvocations"
        text   = "could not call the canary guard. Until it can, a canary is not taken back when its promotion is cut off."
      }
      "${rule}-delivery-throttled" = {
        rule   = rule
        metric = "ThrottledRules"
        text   = "was held back: the account delivers more events at once than its quota allows. Ask for a higher quota."
      }
    }
  ]...)

  alarm_name          = "${module.function.name}-${each.key}"
  alarm_description   = "The rule ${module.function.name}-${each.value.rule} ${each.value.text}"
  namespace           = "AWS/Events"
  metric_name         = each.value.metric
  dimensions          = { RuleName = aws_cloudwatch_event_rule.this[each.value.rule].name }
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
