# The other account's half: an API that starts one state machine, and says how its executions end. The
# owner of that account applies it, with that account's provider.

module "api" {
  source = "../../../modules/workflow_api"

  name          = var.name
  description   = "Runs ${var.name} for state machines of another account."
  stage         = var.stage
  openapi       = { template = "${path.module}/openapi.yaml.tftpl" }
  throttle      = var.throttle
  callers       = { state_machines = var.callers }
  logs          = var.logs
  role          = var.role
  emulator      = var.emulator
  alarm_actions = var.alarm_actions
  tags          = var.tags

  # The caller does not choose the state machine.
  targets = {
    "POST /executions" = { start = var.state_machine.alias_arn, execution_name = "$.name" }
    "GET /executions"  = { describe = var.state_machine.arn }
  }
}
