output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { api = module.api.trigger } })
    }
    functions = module.workflow.functions
    apis      = { rules = module.api.summary }
    tables    = { audit = module.audit.summary }
  }
}
