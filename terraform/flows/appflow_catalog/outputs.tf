output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings   = keys(var.settings)
    aws_events = { runs = local.pattern }
    workflows = {
      main = merge(module.workflow.summary, { triggers = { run = module.rule.summary } })
    }
    functions = module.workflow.functions
    buckets   = { exports = module.exports.summary, data = module.data.summary }
    # By the name in the settings.
    transfers = { for name, flow in aws_appflow_flow.this : name => flow.name }
    database  = local.database
  }
}
