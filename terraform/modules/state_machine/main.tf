data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  # Composed of names, so that policies that hold it are known when Terraform plans.
  arn   = "arn:${local.partition}:states:${local.place}:stateMachine:${var.name}"
  alias = "live"

  role_arn = "arn:${local.partition}:iam::${data.aws_caller_identity.current.account_id}:role${var.role.path}${var.name}"

  # The states of the definition, and of Parallel branches and Map processors down to three levels.
  states_0 = values(jsondecode(var.definition).States)
  states_1 = flatten([for s in local.states_0 : concat([for b in try(s.Branches, []) : values(b.States)], [try(values(s.ItemProcessor.States), [])])])
  states_2 = flatten([for s in local.states_1 : concat([for b in try(s.Branches, []) : values(b.States)], [try(values(s.ItemProcessor.States), [])])])
  states_3 = flatten([for s in local.states_2 : concat([for b in try(s.Branches, []) : values(b.States)], [try(values(s.ItemProcessor.States), [])])])

  tasks = [
    for state in concat(local.states_0, local.states_1, local.states_2, local.states_3) : {
      integration = replace(state.Resource, "/^arn:[^:]+:states:::/", "")
      # JSONata states have Arguments, JSONPath states have Parameters.
      arguments = try(state.Arguments, state.Parameters, {})
      # A task with credentials is done by a role that it names, one of those in the expression.
      roles = try(regexall("arn:[^:']+:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+", state.Credentials.RoleArn), null)
    } if try(state.Type, "") == "Task"
  ]
  # The ARNs of what each task calls. An argument is an ARN, or a name that ends one: the last part of
  # a URL, or the domain of a mail address.
  targets = [
    for task in local.tasks : flatten([
      for target in try(local.integrations[task.integration].targets, []) : [
        for value in(
          task.integration == "events:putEvents"
          ? [for entry in try(task.arguments.Entries, []) : try(entry.EventBusName, "")]
          : [try(task.arguments[target.argument], task.arguments.Content.Template[target.argument], "")]
        ) :
        startswith(value, "arn:") || value == "" ? replace(value, local.qualifier, "$1") : "${target.arn_prefix}${basename(regex("[^@]*$", trimsuffix(value, ">")))}${try(target.arn_suffix, "")}"
      ]
    ])
  ]
  # A state machine is started by an alias or a version with the right on the state machine itself
  # (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).
  qualifier            = "/^(arn:[^:]+:states:[^:]+:[^:]+:stateMachine:[^:]+):[^:]+$/"
  unknown_integrations = distinct([for task in local.tasks : task.integration if !contains(keys(local.integrations), task.integration)])
  task_count           = length(regexall("\"Type\"\\s*:\\s*\"Task\"", var.definition))

  # What each integration calls by the state machine's own right, and what by that of tasks' roles.
  own_tasks       = { for index, task in local.tasks : index => task.integration if task.roles == null }
  delegated_tasks = { for index, task in local.tasks : index => task.integration if task.roles != null }

  called    = { for name in distinct(values(local.own_tasks)) : name => sort(distinct(flatten([for index, of in local.own_tasks : local.targets[index] if of == name]))) }
  delegated = { for name in distinct(values(local.delegated_tasks)) : name => sort(distinct(flatten([for index, of in local.delegated_tasks : local.targets[index] if of == name]))) }

  task_roles = sort(distinct(flatten([for task in local.tasks : task.roles == null ? [] : task.roles])))
  assumed    = length(local.task_roles) == 0 ? {} : { AssumeTaskRoles = local.task_roles }
}

resource "aws_sfn_state_machine" "this" {
  name       = var.name
  role_arn   = aws_iam_role.this.arn
  definition = var.definition
  # Each change is a version of its own, which executions that run already keep to.
  publish = true
  tags    = var.tags

  logging_configuration {
    level                  = "ALL"
    include_execution_data = var.logs.execution_data
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  lifecycle {
    precondition {
      condition     = length(local.unknown_integrations) == 0
      error_message = "The definition of ${var.name} calls ${join(", ", local.unknown_integrations)}, and modules/state_machine does not know what rights that takes. Add it to integrations.tf there."
    }

    precondition {
      condition     = local.task_count == length(local.tasks)
      error_message = "The definition of ${var.name} has ${local.task_count} tasks, but only ${length(local.tasks)} of them within three levels of Parallel and Map. Make the nested part a state machine of its own."
    }

    precondition {
      condition     = alltrue([for arn in flatten(local.targets) : can(regex("^arn:[^{}% ]*[^:/{}% ]$", arn))])
      error_message = "Each task of ${var.name} must name what it calls by its ARN, given in the template, not computed at run time: the role allows these ARNs and no others."
    }

    precondition {
      condition     = alltrue([for task in local.tasks : task.roles == null || length(coalesce(task.roles, [])) > 0])
      error_message = "Credentials.RoleArn of a task of ${var.name} must name each role that it can be by its ARN: the state machine may take on these and no others."
    }
  }

  # Step Functions checks the log rights when it creates the state machine.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_sfn_alias" "live" {
  name        = local.alias
  description = "The version that rules start"

  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.this.state_machine_version_arn
    weight                    = 100
  }
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; what needs more than that is not logged
  # Log groups below this prefix do not count against the size of the log service's policy.
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Role of the state machine ${var.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByTheStateMachine"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "state-machine"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = local.called

    content {
      # lambda:invoke becomes LambdaInvoke.
      sid       = replace(title(replace(replace(statement.key, "/([A-Z])/", " $1"), "/[:.-]/", " ")), " ", "")
      actions   = try(local.integrations[statement.key].actions, [])
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.assumed

    content {
      sid       = statement.key
      actions   = ["sts:AssumeRole"]
      resources = statement.value
    }
  }

  statement {
    sid = "DeliverLog"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    # These actions of CloudWatch Logs know no narrower resource.
    resources = ["*"]
  }

  statement {
    sid = "WriteTraces"
    actions = [
      "xray:GetSamplingRules",
      "xray:GetSamplingTargets",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    # X-Ray knows no narrower resource for these actions.
    resources = ["*"]
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    failed    = { metric = "ExecutionsFailed", text = "failed" }
    timed-out = { metric = "ExecutionsTimedOut", text = "timed out" }
    stopped   = { metric = "ExecutionsAborted", text = "were stopped" }
    throttled = { metric = "ExecutionThrottled", text = "were throttled" }
  }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "Executions of ${var.name} ${each.value.text}."
  namespace           = "AWS/States"
  metric_name         = each.value.metric
  dimensions          = { StateMachineArn = local.arn }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
