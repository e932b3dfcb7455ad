data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  alias = "live"

  # A function's name and a role's name have 64 characters at most.
  name = length(var.name) <= 64 ? var.name : "${substr(var.name, 0, 55)}-${substr(sha256(var.name), 0, 8)}"

  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"

  # Composed, so that policies that name the function or its logs are known before they are made.
  arn           = "arn:${local.partition}:lambda:${local.place}:function:${local.name}"
  log_group     = "/aws/lambda/${local.name}"
  log_group_arn = "arn:${local.partition}:logs:${local.place}:log-group:${local.log_group}"
  in_vpc        = var.vpc == null ? {} : { this = var.vpc }
  canary        = { for name, canary in var.canaries : "this" => canary if name == local.name }

  # Matches a line of the log for each technical error: the runtime's line for an exception that left
  # the handler, and Lambda's report of an invocation that was ended.
  technical_errors = join(" ", [
    "{ (${join(" && ", concat(["$.errorType = *"], [for name in var.business_errors : "$.errorType != \"${name}\""]))})",
    "|| $.record.status = \"timeout\" || $.record.errorType = \"Runtime.*\" || $.record.errorType = \"Sandbox.*\" }",
  ])
  counts_by_error = length(var.business_errors) == 0 ? {} : { this = "${local.name}-technical-errors" }
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumeForThisFunction"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid     = "WriteOwnLogs"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    # Lambda names the streams of the group as it goes.
    resources = ["${local.log_group_arn}:*"]
  }

  statement {
    sid     = "WriteTraces"
    actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    # X-Ray has no resources to name for these actions.
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = local.in_vpc

    content {
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
  }

  dynamic "statement" {
    for_each = local.in_vpc

    content {
      # The rights above are for the Lambda service; the function's own code must not use them.
      sid    = "KeepCodeFromNetwork"
      effect = "Deny"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.arn]
      }
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
}

resource "aws_iam_role" "this" {
  name                 = local.name
  description          = "Rights of the function ${local.name}"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.name
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; what needs more than that is not logged
  name              = local.log_group
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_272:The code is pinned by its SHA-256 from the package's build to the function
  # checkov:skip=CKV_AWS_173:The variables hold names of secrets, never a secret
  # checkov:skip=CKV_AWS_116:Every caller waits for the answer, so a failure is the caller's to keep
  function_name                  = local.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = "python3.13"
  architectures                  = ["arm64"]
  handler                        = var.handler
  s3_bucket                      = var.package.bucket
  s3_key                         = var.package.key
  source_code_hash               = var.package.sha256_base64
  publish                        = true
  timeout                        = var.timeout_seconds
  memory_size                    = var.memory_mb
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  tags                           = merge(var.tags, { package = var.package.name })

  environment {
    variables = merge({ LOG_LEVEL = var.logs.level }, var.environment)
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.this.name
    log_format            = "JSON"
    application_log_level = var.logs.level
    # INFO is the level of the report that says how long and how much memory an invocation took.
    system_log_level = "INFO"
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = local.in_vpc

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Without its rights the function could run, and fail, before it has them.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = local.alias
  description      = "The version that callers use"
  function_name    = aws_lambda_function.this.function_name
  function_version = try(local.canary["this"].stable_version, aws_lambda_function.this.version)

  dynamic "routing_config" {
    for_each = local.canary

    content {
      # A function that did not change has no second version to share its callers with.
      additional_version_weights = (
        aws_lambda_function.this.version == routing_config.value.stable_version
        ? {}
        : { (aws_lambda_function.this.version) = routing_config.value.percent / 100 }
      )
    }
  }
}

# The metric Errors counts every exception. It has no dimension for the error.
resource "aws_cloudwatch_log_metric_filter" "technical_errors" {
  for_each = local.counts_by_error

  name           = "technical-errors"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = local.technical_errors

  metric_transformation {
    namespace = "Flowbridge"
    name      = each.value
    value     = "1"
    unit      = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    errors = {
      namespace = length(local.counts_by_error) == 0 ? "AWS/Lambda" : "Flowbridge"
      metric    = try(local.counts_by_error["this"], "Errors")
      statistic = "Sum"
      threshold = var.alarm.errors
      text      = "failed. Its log group ${local.log_group} says why."
    }
    throttles = {
      namespace = "AWS/Lambda"
      metric    = "Throttles"
      statistic = "Sum"
      threshold = var.alarm.throttles
      text      = "was refused invocations: more came at once than its concurrency, or the account's, allows."
    }
    duration = {
      namespace = "AWS/Lambda"
      metric    = "Duration"
      statistic = "Maximum"
      threshold = var.timeout_seconds * 1000 * var.alarm.timeout_share
      text      = "came near its timeout of ${var.timeout_seconds} s, at which it is ended. Its traces say what it waited for."
    }
  }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "The function ${local.name} ${each.value.text}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.namespace == "AWS/Lambda" ? { FunctionName = local.name } : {}
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
