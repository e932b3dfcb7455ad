# A boundary limits the roles of a flow, or of the platform, whatever their own policies allow. The
# pipeline creates roles only with their owner's boundary, so a role cannot have more rights.
resource "aws_iam_policy" "role_boundary" {
  for_each = local.boundary_names

  name        = each.value
  path        = local.path
  description = "The most that a role of ${each.key} may do in ${local.name_prefix}"
  policy      = local.packed["boundary of ${each.key}"][0]
}

# Earlier releases had one boundary. Roles use it until 'make apply' gives each its owner's boundary.
removed {
  from = aws_iam_policy.boundary

  lifecycle {
    destroy = false
  }
}

locals {
  place = "${var.region}:${var.account_id}"
  # Names of the platform's things, by service.
  own = {
    for service, name in {
      events         = "event-bus/${local.name_prefix}"
      lambda         = "function:${local.name_prefix}-*"
      logs           = "log-group:/aws/*/${local.name_prefix}*:*"
      secretsmanager = "secret:${local.name_prefix}-*"
      sns            = "${local.name_prefix}-*"
      sqs            = "${local.name_prefix}-*"
      ssm            = "parameter/${var.project}/${var.environment}/*"
      states         = "stateMachine:${local.name_prefix}-*"
    } : service => "arn:${local.partition}:${service}:${local.place}:${name}"
  }

  # Names of one owner's things, by service.
  owned = {
    for owner, names in local.owners : owner => {
      for service, start in {
        lambda         = "function:"
        logs           = "log-group:/aws/*/"
        secretsmanager = "secret:"
        sns            = ""
        sqs            = ""
        execution      = "execution:"
        states         = "stateMachine:"
        } : service => [
        for name in names : "arn:${local.partition}:${service == "execution" ? "states" : service}:${local.place}:${start}${local.name_prefix}-${name}*"
      ]
    }
  }

  # The one boundary of earlier releases.
  former_boundary = "arn:${local.partition}:iam::${var.account_id}:policy${local.path}${local.name_prefix}-boundary"

  boundary_statements = {
    for owner in keys(local.owners) : owner => concat(
      jsondecode(data.aws_iam_policy_document.boundary[owner].json).Statement,
      try(local.flow_rights[owner].boundary, []),
    )
  }

  # Secrets that the platform reads and does not create: RDS creates the one of its administrator, the
  # owners of an on-premises database create theirs.
  foreign_secrets = [
    for name in compact(["rds!db-", try(var.database.on_premises.admin_secret_name, null)]) :
    "arn:${local.partition}:secretsmanager:${local.place}:secret:${name}*"
  ]
}

data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_111:A boundary grants no right; it limits the policies of roles
  # checkov:skip=CKV_AWS_356:See CKV_AWS_111; a comment gives the reason for each "*"
  # checkov:skip=CKV_AWS_108:See CKV_AWS_111; no role may read more secrets than its policy names
  for_each = local.owned

  statement {
    sid = "UseOwnThings"
    actions = [
      "events:PutEvents",
      "lambda:InvokeFunction",
      "sns:Publish",
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
      "ssm:GetParameter",
      "states:DescribeExecution",
      "states:StartExecution",
      "states:StartSyncExecution",
      "states:StopExecution",
    ]
    resources = concat(
      [local.own.events, local.own.ssm],
      each.value.lambda,
      each.value.sns,
      each.value.sqs,
      each.value.states,
      each.value.execution,
    )
  }

  # The canary guard of the platform changes the aliases of every flow.
  dynamic "statement" {
    for_each = each.key == "platform" ? { RevertFunctions = 1 } : {}

    content {
      sid       = statement.key
      actions   = ["lambda:GetAlias", "lambda:UpdateAlias"]
      resources = [local.own.lambda]
    }
  }

  dynamic "statement" {
    for_each = each.key == "platform" ? { RevertStateMachines = 1 } : {}

    content {
      sid = statement.key
      actions = [
        "states:DescribeExecution",
        "states:DescribeStateMachineAlias",
        "states:ListExecutions",
        "states:UpdateStateMachineAlias",
      ]
      resources = [local.own.states, replace(local.own.states, ":stateMachine:", ":execution:")]
    }
  }

  dynamic "statement" {
    for_each = each.key == "platform" ? { ReadErrors = 1 } : {}

    content {
      sid       = statement.key
      actions   = ["logs:FilterLogEvents"]
      resources = [trimsuffix(local.own.logs, ":*")]
    }
  }

  dynamic "statement" {
    for_each = each.key == "platform" ? { RecordRevert = 1 } : {}

    content {
      sid       = statement.key
      actions   = ["ssm:DeleteParameter", "ssm:PutParameter"]
      resources = [local.own.ssm]
    }
  }

  statement {
    sid       = "UseOwnSecrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = each.value.secretsmanager
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for group in each.value.logs : "${group}:*"]
  }

  statement {
    sid = "DeliverLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeLogStreams",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    # Most of these actions of CloudWatch Logs support no narrower resource.
    resources = ["*"]
  }

  statement {
    sid = "TraceAndMeasure"
    actions = [
      "cloudwatch:PutMetricData",
      "xray:GetSamplingRules",
      "xray:GetSamplingTargets",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    # X-Ray and metrics have no resources to name.
    resources = ["*"]
  }

  statement {
    # The statements above do not limit the rights that a resource's own policy, such as a bucket's,
    # grants to a role's session. These denials do.
    sid       = "NeverOthers"
    effect    = "Deny"
    actions   = ["account:*", "iam:*", "organizations:*"]
    resources = ["*"]
  }

  statement {
    sid     = "NeverOtherRoles"
    effect  = "Deny"
    actions = ["sts:AssumeRole"]
    # The owner's other roles have the same boundary.
    not_resources = local.owner_roles[each.key]
  }

  statement {
    sid       = "NeverStateOrPackages"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = flatten([for arn in values(local.bucket_arns) : [arn, "${arn}/*"]])
  }
}
