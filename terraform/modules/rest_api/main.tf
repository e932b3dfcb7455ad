data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  place     = "${local.region}:${data.aws_caller_identity.current.account_id}"

  document = yamldecode(var.body)

  # API Gateway asks for an API key or a signature wherever a scheme of these types is required. Requests
  # with another header are checked by the function.
  own_schemes = [
    for name, scheme in try(local.document.components.securitySchemes, {}) : name
    if scheme.name == "x-api-key" || try(scheme["x-amazon-apigateway-authtype"] == "awsSigv4", false)
  ]
  paths = {
    for path, operations in local.document.paths : path => {
      for method, operation in operations : method => merge(operation, {
        for field in ["security"] : field => [
          for requirement in operation.security : requirement if length(setsubtract(keys(requirement), local.own_schemes)) == 0
        ] if can(operation.security)
      })
    }
  }
  # Without comments and layout, so that a change of those deploys nothing, and without the addresses,
  # which API Gateway chooses.
  body = jsonencode(merge(
    { for field, value in local.document : field => value if field != "servers" },
    { paths = local.paths },
    # Part of the document, so that a change of the policy is deployed: until then AWS keeps the old one.
    { for policy in var.policy[*] : "x-amazon-apigateway-policy" => jsondecode(policy) },
  ))

  # The functions that the document calls, by "METHOD /path".
  integrations = merge([
    for path, operations in local.document.paths : {
      for method, operation in operations :
      "${upper(method)} ${path}" => split(":", regex("/functions/(arn:[^/]+)/invocations$", operation["x-amazon-apigateway-integration"].uri)[0])
      if can(regex("/functions/(arn:[^/]+)/invocations$", operation["x-amazon-apigateway-integration"].uri))
    }
  ]...)

  api_key_name = "${var.name}-api-key"

  # A public API has neither a key nor what belongs to one. Not by var.api_key: the issuer waits for
  # the usage plan, to which it may add keys.
  keyed = var.usage_plan == null ? {} : { this = var.usage_plan }

  # The share of its limit above which an alarm fires.
  near_limit_percent = 80

  alarm_names = [for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.client_errors]) : alarm.alarm_name]
}

resource "aws_api_gateway_rest_api" "this" {
  # checkov:skip=CKV_AWS_237:A second API would have another URL; deployments are what is replaced
  name                     = var.name
  description              = local.document.info.title
  body                     = local.body
  minimum_compression_size = 1024
  tags                     = var.tags

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { body = sha256(local.body) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "access" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; what needs more than that is not logged
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}

resource "aws_api_gateway_stage" "this" {
  # checkov:skip=CKV_AWS_120:Every call writes, so there is nothing to cache
  # checkov:skip=CKV2_AWS_51:The backend is a function that only this API may invoke; a client certificate would have no reader
  # checkov:skip=CKV2_AWS_4:The execution log would hold bodies, which are personal data; the access log says what is needed
  # checkov:skip=CKV2_AWS_29:Callers hold a key, or are bounded by the throttle; modules/public_api adds a firewall where the settings have one
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = var.stage
  xray_tracing_enabled = true
  tags                 = var.tags

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # The id of the key identifies the caller; addresses are personal data; bodies and keys never belong here.
    format = jsonencode({
      requestId          = "$context.requestId"
      traceId            = "$context.xrayTraceId"
      requestTime        = "$context.requestTime"
      method             = "$context.httpMethod"
      path               = "$context.resourcePath"
      status             = "$context.status"
      errorType          = "$context.error.responseType"
      integrationStatus  = "$context.integration.status"
      integrationLatency = "$context.integration.latency"
      responseLatency    = "$context.responseLatency"
      responseLength     = "$context.responseLength"
      apiKeyId           = "$context.identity.apiKeyId"
    })
  }
}

resource "aws_api_gateway_method_settings" "all" {
  # checkov:skip=CKV_AWS_225:Every call writes, so there is nothing to cache
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "OFF"
    data_trace_enabled     = false
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }
}

resource "aws_lambda_permission" "this" {
  for_each = local.integrations

  statement_id  = replace("${var.name}-${each.key}", "/[^A-Za-z0-9_-]+/", "-")
  action        = "lambda:InvokeFunction"
  function_name = each.value[6]
  qualifier     = try(each.value[7], null)
  principal     = "apigateway.amazonaws.com"
  source_arn = join("/", [
    "arn:${local.partition}:execute-api:${local.place}:${aws_api_gateway_rest_api.this.id}",
    var.stage,
    replace(replace(each.key, " /", "/"), "/\\{[^}]+\\}/", "*"),
  ])
}

resource "aws_api_gateway_usage_plan" "this" {
  for_each = local.keyed

  name        = var.name
  description = "Limits of the callers of ${var.name}"
  tags        = var.tags

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.throttle.rate
    burst_limit = var.throttle.burst
  }

  dynamic "quota_settings" {
    for_each = each.value.quota_per_month[*]

    content {
      limit  = quota_settings.value
      period = "MONTH"
    }
  }
}

resource "aws_secretsmanager_secret" "api_key" {
  # checkov:skip=CKV_AWS_149:The key that AWS manages for the account keeps other accounts out
  # checkov:skip=CKV2_AWS_57:Raising the generation rotates it, in one apply, when the operator says so
  for_each = local.keyed

  name                    = local.api_key_name
  description             = "API key of ${var.name}, written by ${var.api_key.issuer}"
  recovery_window_in_days = var.secret_recovery_days
  tags                    = var.tags
}

# Terraform's own resource for an API key would keep the key's value in the state.
resource "aws_lambda_invocation" "api_key" {
  for_each = local.keyed

  function_name   = var.api_key.issuer
  qualifier       = var.api_key.issuer_alias
  lifecycle_scope = "CRUD"

  input = jsonencode({
    name          = local.api_key_name
    usage_plan_id = aws_api_gateway_usage_plan.this[each.key].id
    secret_arn    = aws_secretsmanager_secret.api_key[each.key].arn
    generation    = var.api_key.generation
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge({
    server-errors = {
      metric    = "5XXError"
      statistic = "Sum"
      threshold = 0
      period    = 60
      periods   = 1
      text      = "answered with 5XX. Its access log ${aws_cloudwatch_log_group.access.name} says which path."
    }
    latency = {
      metric    = "Latency"
      statistic = "p95"
      threshold = var.alarm.latency_seconds * 1000
      period    = 300
      periods   = 3
      text      = "has answered one call of twenty later than after ${var.alarm.latency_seconds} s for 15 minutes. At 29 s API Gateway gives up."
    }
    }, {
    # Anybody may call a public API that often.
    for key in keys(local.keyed) : "near-limit" => {
      metric    = "Count"
      statistic = "Sum"
      threshold = var.throttle.rate * 60 * local.near_limit_percent / 100
      period    = 60
      periods   = 3
      text      = "has been called more often than ${var.throttle.rate * local.near_limit_percent / 100} times a second for 3 minutes. It refuses calls above ${var.throttle.rate}, and callers retry them. Raise the limit if the calls are wanted."
    }
  })

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The API ${var.name} ${each.value.text}"
  namespace           = "AWS/ApiGateway"
  metric_name         = each.value.metric
  dimensions          = { ApiName = var.name, Stage = var.stage }
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}

# --- refused calls ---------------------------------------------------------------------------

# A refusal of what a call says, such as 409, is an error of its sender: a workflow that sent it fails
# with a business error. Other refusals are technical: the key, the signature, the limits, the path.
# They are not counted in the access log, from which API Gateway leaves out many a 429.
resource "aws_cloudwatch_log_metric_filter" "rejected" {
  name           = "rejected-contents"
  log_group_name = aws_cloudwatch_log_group.access.name
  pattern        = "{ ${join(" || ", [for status in [400, 409, 413, 415, 422] : "$.status = \"${status}\""])} }"

  metric_transformation {
    namespace = "Flowbridge"
    name      = "${var.name}-rejected-contents"
    value     = "1"
    unit      = "Count"
  }
}

moved {
  from = aws_cloudwatch_metric_alarm.this["client-errors"]
  to   = aws_cloudwatch_metric_alarm.client_errors
}

resource "aws_cloudwatch_metric_alarm" "client_errors" {
  alarm_name          = "${var.name}-client-errors"
  alarm_description   = "The API ${var.name} has refused more than ${var.alarm.client_error_share * 100} % of its calls for 15 minutes, without those whose content it rejected: 401 and 403 are the key or the signature, 429 the limits. Its access log ${aws_cloudwatch_log_group.access.name} shows them."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm.client_error_share * 100
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "share"
    label       = "Refused calls in percent"
    expression  = "100 * (refused - FILL(rejected, 0)) / calls"
    return_data = true
  }

  metric_query {
    id = "rejected"

    metric {
      namespace   = "Flowbridge"
      metric_name = aws_cloudwatch_log_metric_filter.rejected.metric_transformation[0].name
      stat        = "Sum"
      period      = 300
    }
  }

  dynamic "metric_query" {
    for_each = { refused = "4XXError", calls = "Count" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApiGateway"
        metric_name = metric_query.value
        dimensions  = { ApiName = var.name, Stage = var.stage }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}
