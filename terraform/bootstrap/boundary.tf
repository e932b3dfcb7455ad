# The most that any role of the platform may ever do, whatever its own policies say. Who deploys can
# make no role without it, so nobody can reach further by way of a role that a deployment makes.
resource "aws_iam_policy" "boundary" {
  name        = "${local.name_prefix}-boundary"
  path        = local.path
  description = "The most that a role of ${local.name_prefix} may do"
  policy      = data.aws_iam_policy_document.boundary.json
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

  # What a flow takes on to reach one tenant's data.
  tenant_roles = "arn:${local.partition}:iam::${var.account_id}:role/${local.name_prefix}-*-tenant-*"

  # Secrets that the platform reads and did not make: RDS names the one of its administrator, the
  # owners of an on-premises database theirs.
  foreign_secrets = [
    for name in compact(["rds!db-", try(var.database.on_premises.admin_secret_name, null)]) :
    "arn:${local.partition}:secretsmanager:${local.place}:secret:${name}*"
  ]
}

data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_111:A boundary gives no right, it bounds what policies of single roles give
  # checkov:skip=CKV_AWS_356:See CKV_AWS_111; the reason for each "*" is beside it
  # checkov:skip=CKV_AWS_108:See CKV_AWS_111; no role may read more secrets than its policy names

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
    resources = [
      local.own.events,
      local.own.lambda,
      local.own.sns,
      local.own.sqs,
      local.own.ssm,
      local.own.states,
      "arn:${local.partition}:states:${local.place}:execution:${local.name_prefix}-*",
    ]
  }

  statement {
    sid       = "UseSecrets"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = concat([local.own.secretsmanager], local.foreign_secrets)
  }

  statement {
    sid       = "KeepSecrets"
    actions   = ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    resources = [local.own.secretsmanager]
  }

  statement {
    sid       = "UseOwnKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["arn:${local.partition}:kms:${local.place}:key/*"]

    condition {
      # A key's ARN says nothing of its owner; its tags do.
      test     = "StringEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid     = "KeepApiKeys"
    actions = ["apigateway:DELETE", "apigateway:GET", "apigateway:POST"]
    # API Gateway chooses the identifiers.
    resources = [
      "arn:${local.partition}:apigateway:${var.region}::/apikeys",
      "arn:${local.partition}:apigateway:${var.region}::/apikeys/*",
      "arn:${local.partition}:apigateway:${var.region}::/usageplans/*",
    ]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.own.logs]
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
    # CloudWatch Logs knows no narrower resource for most of these.
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
    # Neither X-Ray nor metrics have resources to name.
    resources = ["*"]
  }

  statement {
    sid = "AttachToNetwork"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    # Lambda checks these rights against every network interface before it makes its own.
    resources = ["*"]
  }

  statement {
    sid       = "ActForTenants"
    actions   = ["sts:AssumeRole"]
    resources = [local.tenant_roles]
  }

  statement {
    sid = "KeepData"
    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "s3:DeleteObject",
      "s3:PutObject",
    ]
    resources = [
      "arn:${local.partition}:dynamodb:${local.place}:table/${local.name_prefix}-*",
      "arn:${local.partition}:s3:::${local.name_prefix}-user-spaces-${var.account_id}/*",
    ]
  }

  statement {
    sid       = "SendMail"
    actions   = ["ses:SendEmail", "ses:SendTemplatedEmail"]
    resources = local.mail
  }

  statement {
    # What is not named above is out of reach already, unless another policy, such as a bucket's,
    # lets the role in by itself: this holds against that, too.
    sid       = "NeverOthers"
    effect    = "Deny"
    actions   = ["account:*", "iam:*", "organizations:*"]
    resources = ["*"]
  }

  statement {
    sid     = "NeverOtherRoles"
    effect  = "Deny"
    actions = ["sts:AssumeRole"]
    # Roles of tenants are bounded like every other, and each reaches less than who takes it on.
    not_resources = [local.tenant_roles]
  }

  statement {
    sid       = "NeverStateOrPackages"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = flatten([for arn in values(local.bucket_arns) : [arn, "${arn}/*"]])
  }
}
