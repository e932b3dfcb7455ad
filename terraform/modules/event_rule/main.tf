data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "events", data.aws_region.current.id,
    # A rule of the default bus is named without the bus.
    data.aws_caller_identity.current.account_id, var.event_bus_name == "default" ? "rule/${var.name}" : "rule/${var.event_bus_name}/${var.name}",
  ])

  # A redrive cannot put an event of an AWS service onto a bus, so it puts one of this other source.
  sources  = try(jsondecode(var.pattern).source, [])
  redriven = [for source in local.sources : "redriven.${source}" if try(startswith(source, "aws."), false)]
  pattern = (
    length(local.redriven) == 0 || local.target_service == "events"
    ? var.pattern
    : jsonencode(merge(jsondecode(var.pattern), { source = concat(local.sources, local.redriven) }))
  )

  # The third part of an ARN is the service: states, sqs, lambda, logs or events.
  target_service = split(":", var.target_arn)[2]
  # EventBridge takes a role for a state machine or a bus; anything else allows the rule itself. Starting an
  # alias needs the right on the state machine, whose ARN has seven parts
  # (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).
  calls_with_role = {
    for call in [
      { service = "states", sid = "StartExecution", action = "states:StartExecution", name = "start-execution", arn = join(":", slice(concat(split(":", var.target_arn), [""]), 0, 7)) },
      { service = "events", sid = "PutEvents", action = "events:PutEvents", name = "put-events", arn = var.target_arn },
    ] : "this" => call if call.service == local.target_service
  }
  invokes_function  = local.target_service == "lambda" ? { this = split(":", var.target_arn) } : {}
  role_name_is_long = length(var.name) > 57
  role_name         = local.role_name_is_long ? "${substr(var.name, 0, 48)}-${substr(sha256(var.name), 0, 8)}-events" : "${var.name}-events"
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = var.name
  description    = var.description
  event_bus_name = var.event_bus_name
  event_pattern  = local.pattern
  # Explicit, so that a rule that was disabled by hand is drift.
  state = "ENABLED"
  tags  = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.event_bus_name
  target_id      = "target"
  arn            = var.target_arn
  role_arn       = one([for role in aws_iam_role.this : role.arn])

  retry_policy {
    maximum_event_age_in_seconds = var.retry.maximum_event_age_seconds
    maximum_retry_attempts       = var.retry.maximum_attempts
  }

  dead_letter_config {
    arn = module.dead_letters.arn
  }

  dynamic "input_transformer" {
    for_each = var.input == null ? {} : { this = var.input }

    content {
      input_paths    = input_transformer.value.paths
      input_template = input_transformer.value.template
    }
  }

  # The target comes last, so that no event is delivered before there is a queue for those that fail.
  depends_on = [aws_iam_role_policy.this, aws_lambda_permission.this, module.dead_letters]
}

module "dead_letters" {
  source = "../queue"

  name     = "${var.name}-dead-letters"
  emulator = var.emulator
  tags     = var.tags

  senders = {
    Rule = { service = "events.amazonaws.com", source_arn = local.arn }
  }

  alarm = {
    description = "Events that the rule ${var.name} could not deliver wait in its undelivered queue. Fix the target, then redrive them."
  }
  alarm_actions = var.alarm_actions
}

data "aws_iam_policy_document" "trust" {
  for_each = local.calls_with_role

  statement {
    sid     = "AssumeForThisRule"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.arn]
    }
  }
}

data "aws_iam_policy_document" "this" {
  for_each = local.calls_with_role

  statement {
    sid       = each.value.sid
    actions   = [each.value.action]
    resources = [each.value.arn]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.calls_with_role

  name                 = local.role_name
  description          = "Lets the rule ${var.name} ${local.target_service == "events" ? "put events onto a bus" : "start its state machine"}"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = local.calls_with_role

  name   = each.value.name
  role   = aws_iam_role.this[each.key].name
  policy = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_lambda_permission" "this" {
  for_each = local.invokes_function

  statement_id  = var.name
  action        = "lambda:InvokeFunction"
  function_name = each.value[6]
  qualifier     = try(each.value[7], null)
  principal     = "events.amazonaws.com"
  source_arn    = local.arn
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    failed = {
      metric = "FailedInvocations"
      text   = "could not deliver an event to its target, which refused it. Its undelivered queue has the event: fix the target, then redrive it."
    }
    lost = {
      metric = "InvocationsFailedToBeSentToDlq"
      text   = "could neither deliver an event nor put it into its undelivered queue. The bus's archive has the event: fix the queue, then replay."
    }
    throttled = {
      metric = "ThrottledRules"
      text   = "was held back: the account delivers more events at once than its quota allows. The events come later; ask for a higher quota."
    }
  }

  alarm_name        = "${var.name}-delivery-${each.key}"
  alarm_description = "The rule ${var.name} ${each.value.text}"
  namespace         = "AWS/Events"
  metric_name       = each.value.metric
  # A rule of the default bus is counted without the bus's name.
  dimensions = merge(
    { RuleName = var.name },
    var.event_bus_name == "default" ? {} : { EventBusName = var.event_bus_name },
  )
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
