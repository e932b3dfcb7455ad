data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id

  # The schedule is alone in its group, so the group's metrics are the schedule's.
  group_arn = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${var.name}"

  # Terraform escapes the brackets of Scheduler's context attributes.
  attribute = "/\\\\u003c(aws\\.scheduler\\.[a-z-]+)\\\\u003e/"
  event = replace(jsonencode({
    version     = "0"
    id          = "<aws.scheduler.execution-id>"
    source      = var.event.source
    detail-type = var.event.detail_type
    account     = local.account_id
    region      = local.region
    time        = "<aws.scheduler.scheduled-time>"
    resources   = ["<aws.scheduler.schedule-arn>"]
    detail      = jsondecode(var.event.detail)
  }), local.attribute, "<$1>")

  # The third part of an ARN is the service.
  starts_execution = split(":", var.target_arn)[2] == "states"
  # Only the universal target takes the execution's name. Named after its event, an execution is
  # found by the event's id, and a repeated call does not start a second one.
  target = local.starts_execution ? {
    arn = "arn:${local.partition}:scheduler:::aws-sdk:sfn:startExecution"
    input = replace(jsonencode({
      StateMachineArn = var.target_arn
      Name            = "<aws.scheduler.execution-id>"
      Input           = local.event
    }), local.attribute, "<$1>")
    sid    = "StartExecution"
    action = "states:StartExecution"
    # Starting an alias needs the right on the state machine, whose ARN has seven parts
    # (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).
    resource = join(":", slice(split(":", var.target_arn), 0, 7))
    } : {
    arn      = var.target_arn
    input    = local.event
    sid      = "InvokeFunction"
    action   = "lambda:InvokeFunction"
    resource = var.target_arn
  }

  role_name_is_long = length(var.name) > 54
  role_name         = local.role_name_is_long ? "${substr(var.name, 0, 45)}-${substr(sha256(var.name), 0, 8)}-scheduler" : "${var.name}-scheduler"
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  # checkov:skip=CKV_AWS_297:The input holds no data; Scheduler encrypts it with its own key
  name                         = var.name
  group_name                   = aws_scheduler_schedule_group.this.name
  description                  = var.description
  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.timezone
  # Explicit, so that a schedule that was disabled by hand is drift.
  state = var.schedule.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.schedule.flexible_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.schedule.flexible_minutes == 0 ? null : var.schedule.flexible_minutes
  }

  target {
    arn      = local.target.arn
    role_arn = aws_iam_role.this.arn
    input    = local.target.input

    retry_policy {
      maximum_event_age_in_seconds = var.retry.maximum_event_age_seconds
      maximum_retry_attempts       = var.retry.maximum_attempts
    }

    dead_letter_config {
      arn = module.dead_letters.arn
    }
  }

  # The first call needs the rights, and a queue in case it fails.
  depends_on = [aws_iam_role_policy.this, module.dead_letters]
}

module "dead_letters" {
  source = "../queue"

  name     = "${var.name}-dead-letters"
  emulator = var.emulator
  tags     = var.tags

  alarm = {
    description = "Calls that the schedule ${var.name} could not make wait in its undelivered queue. Fix the target, then redrive them."
  }
  alarm_actions = var.alarm_actions
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumeForThisSchedule"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.group_arn]
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = local.target.sid
    actions   = [local.target.action]
    resources = [local.target.resource]
  }

  # Scheduler sends as the role, not as a service that the queue's policy could name.
  statement {
    sid       = "QueueUndelivered"
    actions   = ["sqs:SendMessage"]
    resources = [module.dead_letters.arn]
  }
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  description          = "Lets the schedule ${var.name} call its target"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "call-target"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    failed = {
      metric = "InvocationDroppedCount"
      text   = "could not call its target. Its undelivered queue has the event: fix the target, then redrive it."
    }
    lost = {
      metric = "InvocationsFailedToBeSentToDeadLetterCount"
      text   = "could neither call its target nor put the event into its undelivered queue. Fix the queue, then start the target by hand."
    }
    throttled = {
      metric = "InvocationThrottleCount"
      text   = "was held back: the account makes more calls at once than its quota allows. The calls come later; ask for a higher quota."
    }
  }

  alarm_name          = "${var.name}-calls-${each.key}"
  alarm_description   = "The schedule ${var.name} ${each.value.text}"
  namespace           = "AWS/Scheduler"
  metric_name         = each.value.metric
  dimensions          = { ScheduleGroup = var.name }
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
