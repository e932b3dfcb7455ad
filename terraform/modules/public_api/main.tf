data "aws_region" "current" {}

locals {
  name = "${var.platform.name_prefix}-${replace(coalesce(var.name, var.flow), "_", "-")}"
  tags = { flow = var.flow }
}

module "api" {
  source = "../rest_api"

  name     = "${local.name}-api"
  stage    = var.platform.environment
  throttle = var.throttle
  emulator = var.platform.emulator
  logs     = var.platform.logs
  # Anybody may send nonsense here, so a high share of refusals is normal.
  alarm         = { client_error_share = 0.5, latency_seconds = 5 }
  alarm_actions = var.platform.alarm_actions
  tags          = local.tags

  body = templatefile(var.openapi.template, merge(var.openapi.variables, {
    title      = "${local.name}-api"
    region     = data.aws_region.current.id
    stage      = var.platform.environment
    invoke_uri = module.function.invoke_uri
  }))
}

# The throttle bounds all callers together, this bounds each of them.
module "firewall" {
  source   = "../firewall"
  for_each = var.firewall == null ? {} : { this = var.firewall }

  name      = "${local.name}-api"
  limit     = each.value
  protected = { api = module.api.stage_arn }
  tags      = local.tags
}

module "function" {
  source = "../lambda_function"

  name            = "${local.name}-${replace(var.function.module, "_", "-")}"
  description     = var.function.description
  canaries        = var.platform.canaries
  package         = var.platform.packages[var.flow]
  handler         = "${var.flow}.${var.function.module}.handler"
  timeout_seconds = var.function.timeout_seconds
  environment     = var.function.environment
  statements      = var.function.statements
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = local.tags
}
