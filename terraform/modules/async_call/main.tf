locals {
  flow_name = "${var.platform.name_prefix}-${replace(var.flow, "_", "-")}"
  name      = "${local.flow_name}-${replace(var.name, "_", "-")}"
  tags      = { flow = var.flow }

  expressions = yamldecode(file("${path.module}/expressions.yaml"))

  # Errors that a function of any flow may recover from, and those of this service.
  transient_errors = distinct(concat(jsondecode(file("${path.module}/../workflow/service_errors.json")), var.transient_errors))

  definition = templatefile("${path.module}/state_machine.asl.json.tftpl", {
    call             = var.call
    poll             = var.poll
    limits           = var.limits
    expressions      = local.expressions
    transient_errors = local.transient_errors
    # Four bytes a character at most, below the 248 KB up to which a stopped execution's event has its
    # input, from which its job is cancelled.
    max_characters = 60000
  })

  cancels = var.cancel == null ? {} : { this = var.cancel }
}

module "state_machine" {
  source = "../state_machine"

  name            = local.name
  definition      = local.definition
  runtime_targets = { for state, targets in var.runtime_targets : state => targets if state != "Cancel" }
  canary          = lookup(var.platform.machine_canaries, local.name, null)
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  logs            = var.platform.logs
  tags            = local.tags
  # The parent counts the failure of a call by its error.
  alarm_on_failure = false
}

# --- the cancellation of a job whose call ended without its result ---------------------------

module "ended" {
  source   = "../event_rule"
  for_each = local.cancels

  name        = "${local.name}-cancel"
  description = "Cancels the job of a call that failed, timed out or was stopped."
  # A replay must not repeat the cancellation (docs/decisions/0014).
  event_bus_name = "default"
  pattern = jsonencode({
    source        = ["aws.states"]
    "detail-type" = ["Step Functions Execution Status Change"]
    detail = {
      stateMachineArn = [module.state_machine.arn]
      status          = ["ABORTED", "FAILED", "TIMED_OUT"]
    }
  })
  target_arn    = module.cancel[each.key].alias_arn
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = local.tags
}

module "cancel" {
  source   = "../state_machine"
  for_each = local.cancels

  name            = "${local.name}-cancel"
  runtime_targets = { for state, targets in var.runtime_targets : state => targets if state == "Cancel" }
  canary          = lookup(var.platform.machine_canaries, "${local.name}-cancel", null)
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  logs            = var.platform.logs
  tags            = local.tags

  definition = templatefile("${path.module}/cancel.asl.json.tftpl", {
    cancel           = each.value
    expressions      = local.expressions
    transient_errors = local.transient_errors
    retry = {
      IntervalSeconds = var.platform.retry.interval_seconds
      MaxAttempts     = var.platform.retry.max_attempts
      BackoffRate     = var.platform.retry.backoff_rate
      MaxDelaySeconds = var.platform.retry.max_delay_seconds
      JitterStrategy  = "FULL"
    }
  })
}
