locals {
  # Named as the states. CatchErrors is every flow's: the last function of an execution that fails.
  step_functions = merge(var.step_functions, {
    CatchErrors = {
      module      = "catch_errors"
      description = "Keeps a failed event in its queue and tells the bus of it."
      environment = {
        FAILED_QUEUE_URL = module.failed.url
        EVENT_BUS_NAME   = var.event_bus.name
      }
      statements = {
        QueueFailures = { actions = ["sqs:SendMessage"], resources = [module.failed.arn] }
        TellTheBus    = { actions = ["events:PutEvents"], resources = [var.event_bus.arn] }
      }
    }
  })
}

module "rule" {
  source = "../event_rule"

  name           = var.name
  description    = var.description
  event_bus_name = var.event_bus.name
  target_arn     = module.state_machine.alias_arn
  plain_http     = var.plain_http
  role           = var.role
  alarm_actions  = var.alarm_actions
  tags           = var.tags

  pattern = jsonencode({
    source        = var.pattern.sources
    "detail-type" = var.pattern.detail_types
  })
}

module "state_machine" {
  source = "../state_machine"

  name          = var.name
  role          = var.role
  alarm_actions = var.alarm_actions
  logs          = var.logs
  tags          = var.tags

  definition = templatefile(var.definition.template, merge(var.definition.variables, {
    functions = { for state, function in module.step_function : state => function.alias_arn }
    # Errors that may go, whichever function has them; a flow's own are in its template.
    retry = merge(var.retry, { errors = jsondecode(file("${path.module}/service_errors.json")) })
  }))
}

module "step_function" {
  source   = "../lambda_function"
  for_each = local.step_functions

  name            = "${var.name}-${replace(each.value.module, "_", "-")}"
  canary          = lookup(var.canaries, "${var.name}-${replace(each.value.module, "_", "-")}", null)
  description     = each.value.description
  package         = var.package
  handler         = "${var.package.name}.${each.value.module}.handler"
  environment     = each.value.environment
  statements      = each.value.statements
  timeout_seconds = var.timeout_seconds
  logs            = var.logs
  role            = var.role
  alarm_actions   = var.alarm_actions
  tags            = var.tags
}

module "failed" {
  source = "../queue"

  name          = "${var.name}-${var.failed.name}"
  alarm         = { description = var.failed.description }
  plain_http    = var.plain_http
  alarm_actions = var.alarm_actions
  tags          = var.tags
}
