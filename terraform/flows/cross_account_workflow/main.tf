data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition

  targets = {
    for name, target in var.settings.targets : name => merge(target, { region = coalesce(target.region, data.aws_region.current.id) })
  }
  # The methods of each target's API that the state machine calls.
  methods = { StartTarget = "POST/executions", DescribeTarget = "GET/executions" }
}

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Runs a workflow in another account for each request on the bus."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.cross_account_workflow"], "detail-type" = ["RunInAccount"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "cross_account_workflow"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      # As JSONata has them within a JSON text. A request names a target, never an address.
      hosts            = replace(jsonencode({ for name, target in local.targets : name => "${target.api_id}.execute-api.${target.region}.${data.aws_partition.current.dns_suffix}" }), "\"", "'")
      stages           = replace(jsonencode({ for name, target in local.targets : name => target.stage }), "\"", "'")
      poll_seconds     = var.settings.poll_seconds
      deadline_seconds = var.settings.deadline_minutes * 60
    }
  }

  # The role may call these methods of these APIs, and no others.
  runtime_targets = {
    for state, method in local.methods : state => {
      ApiEndpoint = [
        for target in values(local.targets) :
        "arn:${local.partition}:execute-api:${target.region}:${target.account_id}:${target.api_id}/${target.stage}/${method}"
      ]
    }
  }

  # Errors that the requests cause.
  business_errors = ["UnknownTarget", "InputRefused", "TargetFailed"]

  failed = {
    name        = "failed-runs"
    description = "Runs in other accounts that did not succeed wait in failed-runs. Fix what each message names, then redrive it."
  }
}
