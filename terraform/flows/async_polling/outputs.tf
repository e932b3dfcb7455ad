output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { event = module.rule.summary } })
    }
    # State machines that a workflow starts; what fails in them fails the workflow.
    children  = { call = module.call.summary }
    triggers  = module.call.triggers
    functions = merge(module.workflow.functions, { for key, function in module.function : key => function.summary })
    buckets   = { results = module.results.summary }
  }
}
