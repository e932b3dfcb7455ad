locals {
  flow_name = "${var.platform.name_prefix}-${replace(var.flow, "_", "-")}"
  name      = var.name == "main" ? local.flow_name : "${local.flow_name}-${replace(var.name, "_", "-")}"
  tags      = { flow = var.flow }

  # By state. CatchErrors, which every workflow has, runs last when an execution fails.
  task_functions = merge(var.task_functions, {
    CatchErrors = {
      module      = var.failed.module
      description = "Keeps a failed event in its queue and publishes that it failed."
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

moved {
  from = module.step_function
  to   = module.task_function
}

module "state_machine" {
  source = "../state_machine"

  name            = local.name
  type            = var.type
  runtime_targets = var.runtime_targets
  statements      = var.statements
  canary          = lookup(var.platform.machine_canaries, local.name, null)
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  logs            = var.platform.logs
  tags            = local.tags
  # See alarms.tf.
  alarm_on_failure = length(var.business_errors) == 0

  definition = templatefile(var.definition.template, merge(var.definition.variables, {
    functions = { for state, function in module.task_function : state => function.alias_arn }
    retry = {
      IntervalSeconds = var.platform.retry.interval_seconds
      MaxAttempts     = var.platform.retry.max_attempts
      BackoffRate     = var.platform.retry.backoff_rate
      MaxDelaySeconds = var.platform.retry.max_delay_seconds
      JitterStrategy  = "FULL"
    }
    # Transient errors of any function; a flow's own are in its template.
    service_errors = jsondecode(file("${path.module}/service_errors.json"))
  }))
}

module "task_function" {
  source   = "../lambda_function"
  for_each = local.task_functions

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
  # CatchErrors has no data that could be wrong.
  business_errors = each.key == "CatchErrors" ? [] : var.business_errors
}

module "failed" {
  source = "../queue"

  name          = "${local.name}-${var.failed.name}"
  alarm         = { description = var.failed.description, at_once = length(var.business_errors) == 0 }
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = local.tags
}
