data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id
  role_name  = "${var.name}-targets"
  role_arn   = "arn:${local.partition}:iam::${local.account_id}:role${var.role.path}${local.role_name}"

  document = yamldecode(templatefile(var.openapi.template, merge(var.openapi.variables, {
    title       = var.name
    description = var.description
    region      = local.region
    stage       = var.stage
  })))
  operations = merge([
    for path, methods in local.document.paths : { for method, operation in methods : "${upper(method)} ${path}" => operation }
  ]...)

  paths = {
    for path, methods in local.document.paths : path => {
      for method, operation in methods : method => merge(operation, {
        for key, integration in local.integrations : "x-amazon-apigateway-integration" => integration if key == "${upper(method)} ${path}"
      })
    }
  }

  # A machine's alias is called with the right on the machine, whose ARN has seven parts
  # (https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html).
  machines = { for key, target in var.targets : key => join(":", slice(split(":", coalesce(target.execute, target.start, target.describe)), 0, 7)) if target.queue == null }
  statements = {
    for key, target in var.targets : key => {
      actions = [{ execute = "states:StartSyncExecution", start = "states:StartExecution", describe = "states:DescribeExecution", queue = "sqs:SendMessage" }[local.kinds[key]]]
      resources = [
        target.queue != null ? target.queue :
        target.describe != null ? "${replace(local.machines[key], ":stateMachine:", ":execution:")}:*" : local.machines[key]
      ]
    }
  }

  unknown    = setsubtract(keys(var.targets), keys(local.operations))
  untargeted = setsubtract(keys(local.operations), keys(var.targets))
  undescribed = [
    for key, kind in local.kinds : key if length(setsubtract([local.success[kind], "500"], keys(try(local.operations[key].responses, {})))) > 0
  ]
  unsigned = var.callers == null ? [] : [
    for key, operation in local.operations : key if !anytrue([
      for requirement in try(operation.security, []) : anytrue([
        for scheme in keys(requirement) : try(local.document.components.securitySchemes[scheme]["x-amazon-apigateway-authtype"] == "awsSigv4", false)
      ])
    ])
  ]
}

module "api" {
  source = "../rest_api"

  name                 = var.name
  body                 = jsonencode(merge(local.document, { paths = local.paths }))
  stage                = var.stage
  throttle             = var.throttle
  usage_plan           = var.usage_plan
  api_key              = var.api_key
  secret_recovery_days = var.secret_recovery_days
  policy               = one(values(data.aws_iam_policy_document.callers)[*].json)
  emulator             = var.emulator
  logs                 = var.logs
  alarm                = var.alarm
  alarm_actions        = var.alarm_actions
  tags                 = var.tags
}

data "aws_iam_policy_document" "callers" {
  for_each = var.callers == null ? {} : { this = var.callers }

  dynamic "statement" {
    for_each = length(each.value.principals) == 0 ? {} : { CalledByPrincipals = each.value.principals }

    content {
      sid       = statement.key
      actions   = ["execute-api:Invoke"]
      resources = ["execute-api:/${var.stage}/*"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.state_machines) == 0 ? {} : { CalledByStateMachines = each.value.state_machines }

    content {
      sid       = statement.key
      actions   = ["execute-api:Invoke"]
      resources = ["execute-api:/${var.stage}/*"]

      principals {
        type        = "Service"
        identifiers = ["states.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

resource "aws_iam_role" "targets" {
  name                 = local.role_name
  description          = "Role with which the API ${var.name} calls its targets."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "targets of ${var.name} has ${join(", ", local.unknown)}, which its document does not describe. Correct the key, or describe the operation."
    }

    precondition {
      condition     = length(local.untargeted) == 0
      error_message = "The document of ${var.name} has ${join(", ", local.untargeted)} without a target. Add it to targets, or remove the operation."
    }

    precondition {
      condition     = length(local.undescribed) == 0
      error_message = "${join(", ", local.undescribed)} of ${var.name} must describe the responses 500 and that of success: 202 for start and queue, 200 for execute and describe."
    }

    precondition {
      condition     = length(local.unsigned) == 0
      error_message = "${join(", ", local.unsigned)} of ${var.name} needs a security scheme with x-amazon-apigateway-authtype: awsSigv4, or anybody may claim to be one of the callers."
    }
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByTheApi"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "targets" {
  name   = "targets"
  role   = aws_iam_role.targets.name
  policy = data.aws_iam_policy_document.targets.json
}

data "aws_iam_policy_document" "targets" {
  dynamic "statement" {
    for_each = local.statements

    content {
      # POST /orders becomes PostOrders.
      sid       = replace(title(lower(replace(statement.key, "/[^A-Za-z0-9]+/", " "))), " ", "")
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}
