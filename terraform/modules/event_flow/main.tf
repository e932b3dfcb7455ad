locals {
  name       = "${var.platform.name_prefix}-${replace(var.flow, "_", "-")}"
  tags       = { flow = var.flow }
  plain_http = var.platform.emulator_endpoint != null

  # Named as the states. CatchErrors is every flow's: the last function of an execution that fails.
  step_functions = merge(var.step_functions, {
    CatchErrors = {
      module      = "catch_errors"
      description = "Keeps a failed event in its queue and tells the bus of it."
      environment = {
        FAILED_QUEUE_URL = module.failed.url
        EVENT_BUS_NAME   = var.platform.event_bus.name
      }
      statements = {
        QueueFailures = { actions = ["sqs:SendMessage"], resources = [module.failed.arn] }
        TellTheBus    = { actions = ["events:PutEvents"], resources = [var.platform.event_bus.arn] }
      }
    }
  })
}

module "rule" {
  source = "../event_rule"

  name           = local.name
  description    = var.description
  event_bus_name = var.platform.event_bus.name
  target_arn     = module.state_machine.alias_arn
  plain_http     = local.plain_http
  role           = var.platform.role
  alarm_actions  = var.platform.alarm_actions
  tags           = local.tags

  pattern = jsonencode({
    source        = var.pattern.sources
    "detail-type" = var.pattern.detail_types
  })
}

module "state_machine" {
  source = "../state_machine"

  name          = local.name
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  logs          = var.platform.logs
  tags          = local.tags

  definition = templatefile(var.definition.template, merge(var.definition.variables, {
    functions = { for state, function in module.step_function : state => function.alias_arn }
    retry = {
      IntervalSeconds = var.platform.retry.interval_seconds
      MaxAttempts     = var.platform.retry.max_attempts
      BackoffRate     = var.platform.retry.backoff_rate
      MaxDelaySeconds = var.platform.retry.max_delay_seconds
      JitterStrategy  = "FULL"
    }
    # Errors that may go, whichever function has them; a flow's own are in its template.
    service_errors = jsondecode(file("${path.module}/service_errors.json"))
  }))
}

module "step_function" {
  source   = "../lambda_function"
  for_each = local.step_functions

  name            = "${local.name}-${replace(each.value.module, "_", "-")}"
  canaries        = var.platform.canaries
  description     = each.value.description
  package         = var.platform.packages[var.flow]
  handler         = "${var.flow}.${each.value.module}.handler"
  environment     = each.value.environment
  statements      = each.value.statements
  timeout_seconds = var.timeout_seconds
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = local.tags
}

module "failed" {
  source = "../queue"

  name          = "${local.name}-${var.failed.name}"
  alarm         = { description = var.failed.description }
  plain_http    = local.plain_http
  alarm_actions = var.platform.alarm_actions
  tags          = local.tags
}
