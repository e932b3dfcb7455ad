output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { event = module.rule.summary } })
    }
    functions = module.workflow.functions
  }
}
