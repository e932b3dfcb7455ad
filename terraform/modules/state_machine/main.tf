data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  # Composed of names, so that policies that hold it are known when Terraform plans.
  arn   = "arn:${local.partition}:states:${local.place}:stateMachine:${var.name}"
  alias = "live"

  role_arn = "arn:${local.partition}:iam::${data.aws_caller_identity.current.account_id}:role${var.role.path}${var.name}"

  # The states by name, down to three levels of Parallel branches and Map processors.
  states_0 = jsondecode(var.definition).States

  states_1 = merge([for s in local.states_0 : merge(concat([for b in try(s.Branches, []) : b.States], [try(s.ItemProcessor.States, {})])...)]...)
  states_2 = merge([for s in local.states_1 : merge(concat([for b in try(s.Branches, []) : b.States], [try(s.ItemProcessor.States, {})])...)]...)
  states_3 = merge([for s in local.states_2 : merge(concat([for b in try(s.Branches, []) : b.States], [try(s.ItemProcessor.States, {})])...)]...)
  states   = merge(local.states_0, local.states_1, local.states_2, local.states_3)

  # By the end of a task's Resource; integrations/README.md explains the fields.
  integrations = merge([
    for file in sort(fileset("${path.module}/integrations", "*.yaml")) : yamldecode(file("${path.module}/integrations/${file}"))
  ]...)

  tasks = [
    for name, state in local.states : {
      state       = name
      resource    = replace(state.Resource, "/^arn:[^:]+:states:::/", "")
      integration = replace(state.Resource, "/^arn:[^:]+:states:::|\\.waitForTaskToken$/", "")
      # JSONata states have Arguments, JSONPath states have Parameters.
      arguments = try(state.Arguments, state.Parameters, {})
      # A task with credentials runs as one of the roles that its expression names.
      roles = try(regexall("arn:[^:']+:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+", state.Credentials.RoleArn), null)
    } if try(state.Type, "") == "Task"
  ]

  # Each argument that names a target. Empty parts fill its path up to four, one for each step below.
  references = flatten([
    for task in local.tasks : [
      for target in try(local.integrations[task.integration].targets, []) : merge(task, {
        argument    = target.argument
        path        = slice(concat(split(".", replace(target.argument, "[*]", ".*")), ["", "", ""]), 0, 4)
        name        = try(target.name, "^(.*)$")
        arn         = try(target.arn, null)
        part_of_arn = try(target.part_of_arn, "^(.*)$")
      })
    ]
  ])

  # One step down the path: every entry ("*"), nothing (""), or the attribute; a JSONPath state writes
  # "TableName.$" for a value that is computed at run time. What is missing becomes "".
  found_1 = [for r in local.references : [try(r.arguments[r.path[0]], r.arguments["${r.path[0]}.$"], "")]]
  found_2 = [for i, r in local.references : flatten([for v in local.found_1[i] : concat(
    [for entry in try([for e in v : e], [""]) : entry if r.path[1] == "*"],
    [for whole in [v] : whole if r.path[1] == ""],
    [for part in [try(v[r.path[1]], v["${r.path[1]}.$"], "")] : part if !contains(["", "*"], r.path[1])],
  )])]
  found_3 = [for i, r in local.references : flatten([for v in local.found_2[i] : concat(
    [for entry in try([for e in v : e], [""]) : entry if r.path[2] == "*"],
    [for whole in [v] : whole if r.path[2] == ""],
    [for part in [try(v[r.path[2]], v["${r.path[2]}.$"], "")] : part if !contains(["", "*"], r.path[2])],
  )])]
  found_4 = [for i, r in local.references : flatten([for v in local.found_3[i] : concat(
    [for entry in try([for e in v : e], [""]) : entry if r.path[3] == "*"],
    [for whole in [v] : whole if r.path[3] == ""],
    [for part in [try(v[r.path[3]], v["${r.path[3]}.$"], "")] : part if !contains(["", "*"], r.path[3])],
  )])]

  targets = flatten([
    for i, r in local.references : [
      for value in [for found in local.found_4[i] : try(tostring(found), "")] : {
        state       = r.state
        integration = r.integration
        argument    = r.argument
        roles       = r.roles
        at_run_time = can(regex("^\\$|\\{%", value))
        arns = (
          can(regex("^\\$|\\{%", value))
          ? try(var.runtime_targets[r.state][r.argument], [])
          : [
            startswith(value, "arn:") || value == "" || r.arn == null
            ? try(regex(r.part_of_arn, value)[0], "")
            : replace(replace(replace(r.arn, "{partition}", local.partition), "{place}", local.place), "{name}", try(regex(r.name, value)[0], ""))
          ]
        )
      }
    ]
  ])

  # Without a limit, an execution that waits for what never comes is RUNNING for up to a year.
  timeout_seconds = try(tonumber(jsondecode(var.definition).TimeoutSeconds), 0)

  unknown_integrations = distinct([for task in local.tasks : task.resource if !contains(keys(local.integrations), task.integration)])
  task_count           = length(regexall("\"Type\"\\s*:\\s*\"Task\"", var.definition))
  waiting              = [for task in local.tasks : task.state if can(regex("\\.(waitForTaskToken|sync(:2)?)$", task.resource))]

  run_time     = distinct([for target in local.targets : "${target.state}.${target.argument}" if target.at_run_time])
  allowed      = flatten([for state, arguments in var.runtime_targets : [for argument in keys(arguments) : "${state}.${argument}"]])
  not_allowed  = setsubtract(local.run_time, local.allowed)
  not_run_time = setsubtract(local.allowed, local.run_time)
  no_arn       = distinct([for target in local.targets : "${target.state}.${target.argument}" if !alltrue([for arn in target.arns : can(regex("^arn:[^{}% ]*[^:/{}% ]$", arn))])])

  # The calls of each integration with the state machine's role, and with the roles of its tasks.
  called = {
    for name in distinct([for target in local.targets : target.integration if target.roles == null]) :
    name => sort(distinct(flatten([for target in local.targets : target.arns if target.integration == name && target.roles == null])))
  }
  # Two ways to make the same call need one right.
  called_order = keys(local.called)
  repeated = [
    for name, arns in local.called : name if anytrue([
      for other, others in local.called :
      length(setsubtract(try(local.integrations[name].actions, []), try(local.integrations[other].actions, []))) == 0
      && length(setsubtract(arns, others)) == 0
      && (length(setsubtract(others, arns)) > 0 || index(local.called_order, other) > index(local.called_order, name))
    ])
  ]
  delegated = {
    for name in distinct([for target in local.targets : target.integration if target.roles != null]) :
    name => sort(distinct(flatten([for target in local.targets : target.arns if target.integration == name && target.roles != null])))
  }

  # Rights that a call needs in addition to its own, such as those to follow what it started.
  additional = merge([
    for name, arns in local.called : {
      for right in try(local.integrations[name].also, []) : "${name}:${right.purpose}" => {
        actions = right.actions
        resources = distinct([
          for arn in arns : replace(replace(replace(replace(right.arn, "{partition}", local.partition), "{place}", local.place), "{machine}", var.name), "{name}", try(regex(right.name, arn)[0], ""))
          # A target of another kind has no such name.
          if !can(right.name) || can(regex(right.name, arn))
        ])
      }
    }
  ]...)

  # The children of a distributed Map are executions of the state machine itself.
  children = anytrue([for state in local.states : try(state.ItemProcessor.ProcessorConfig.Mode, "") == "DISTRIBUTED"]) ? { this = var.name } : {}

  task_roles = sort(distinct(flatten([for task in local.tasks : task.roles == null ? [] : task.roles])))
  assumed    = length(local.task_roles) == 0 ? {} : { AssumeTaskRoles = local.task_roles }
}

resource "aws_sfn_state_machine" "this" {
  name       = var.name
  type       = var.type
  role_arn   = aws_iam_role.this.arn
  definition = var.definition
  # Running executions keep to the version that they started with.
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
      condition     = local.timeout_seconds > 0 && (var.type == "STANDARD" || local.timeout_seconds <= 300)
      error_message = "The definition of ${var.name} needs a TimeoutSeconds next to StartAt, of 300 at most for an EXPRESS state machine. Write one above the time that its states and their retries take."
    }

    precondition {
      condition     = length(local.unknown_integrations) == 0
      error_message = "The definition of ${var.name} calls ${join(", ", local.unknown_integrations)}, which modules/state_machine does not know. Add it to the service's file in modules/state_machine/integrations."
    }

    precondition {
      condition     = local.task_count == length(local.tasks)
      error_message = "The definition of ${var.name} has ${local.task_count} tasks, but only ${length(local.tasks)} of them within three levels of Parallel and Map and with names of their own. Make the nested part a state machine of its own, or rename the states."
    }

    precondition {
      condition     = length(local.not_allowed) == 0
      error_message = "${var.name} computes ${join(", ", local.not_allowed)} at run time. Name the ARN in the template, or list the ARNs that it may be in runtime_targets."
    }

    precondition {
      condition     = length(local.not_run_time) == 0
      error_message = "runtime_targets of ${var.name} lists ${join(", ", local.not_run_time)}, which the definition does not compute at run time. Remove the entry."
    }

    precondition {
      condition     = length(local.no_arn) == 0
      error_message = "${var.name} does not name ${join(", ", local.no_arn)} by an ARN, or by a name that makes one. The role allows the ARNs in the definition and no others: correct the template."
    }

    precondition {
      condition     = var.type == "STANDARD" || length(local.waiting) == 0
      error_message = "${var.name} is an EXPRESS state machine, which cannot wait as ${join(", ", local.waiting)} does. Make it STANDARD, or call without .sync and .waitForTaskToken."
    }

    precondition {
      condition     = alltrue([for task in local.tasks : task.roles == null || length(coalesce(task.roles, [])) > 0])
      error_message = "Credentials.RoleArn of a task of ${var.name} names no role by its ARN. Write the ARN of each role that it may be into the expression."
    }
  }

  # Step Functions checks the log rights when it creates the state machine.
  depends_on = [aws_iam_role_policy.this]
}

locals {
  newest = aws_sfn_state_machine.this.state_machine_version_arn
  stable = var.canary == null ? local.newest : "${local.arn}:${var.canary.stable_version}"
  share  = var.canary == null ? 100 : var.canary.percent
  # The weight of each version. A state machine that did not change has no second one.
  weights = merge({ (local.newest) = local.share }, { (local.stable) = local.newest == local.stable ? 100 : 100 - local.share })
  routes  = { for version, weight in local.weights : version => weight if weight > 0 }
}

resource "aws_sfn_alias" "live" {
  name        = local.alias
  description = "The version that rules start"

  dynamic "routing_configuration" {
    for_each = local.routes

    content {
      state_machine_version_arn = routing_configuration.key
      weight                    = routing_configuration.value
    }
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
      test     = "ArnLike"
      variable = "aws:SourceArn"
      # Executions start by the alias, whose ARN continues that of the state machine.
      values = [local.arn, "${local.arn}:*"]
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
    for_each = { for name, arns in local.called : name => arns if !contains(local.repeated, name) }

    content {
      # lambda:invoke becomes LambdaInvoke.
      sid       = replace(title(replace(replace(statement.key, "/([A-Z])/", " $1"), "/[:.-]/", " ")), " ", "")
      actions   = try(local.integrations[statement.key].actions, [])
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.additional

    content {
      sid       = replace(title(replace(replace(statement.key, "/([A-Z])/", " $1"), "/[:.-]/", " ")), " ", "")
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  dynamic "statement" {
    for_each = var.statements

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
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

  dynamic "statement" {
    for_each = local.children

    content {
      sid       = "RunMapChildren"
      actions   = ["states:StartExecution"]
      resources = [local.arn]
    }
  }

  dynamic "statement" {
    for_each = local.children

    content {
      sid       = "FollowMapChildren"
      actions   = ["states:DescribeExecution", "states:StopExecution"]
      resources = ["arn:${local.partition}:states:${local.place}:execution:${statement.value}:*"]
    }
  }

  dynamic "statement" {
    for_each = local.children

    content {
      sid     = "RedriveMapChildren"
      actions = ["states:RedriveExecution"]
      # With the label of the Map.
      resources = ["arn:${local.partition}:states:${local.place}:execution:${statement.value}/*"]
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
  # Not 'failed' as a key: modules/workflow moves the alarm that once had it.
  for_each = merge(var.alarm_on_failure ? { every-failure = { name = "failed", metric = "ExecutionsFailed", text = "failed" } } : {}, {
    timed-out = { name = "timed-out", metric = "ExecutionsTimedOut", text = "timed out" }
    stopped   = { name = "stopped", metric = "ExecutionsAborted", text = "were stopped" }
    throttled = { name = "throttled", metric = "ExecutionThrottled", text = "were throttled" }
  })

  alarm_name          = "${var.name}-${each.value.name}"
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
