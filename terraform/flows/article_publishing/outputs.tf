output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { redriven = module.rule.summary } })
    }
    functions = merge(module.workflow.functions, module.api.functions)
    apis      = { webhook = module.api.summary }
    # Their owners put the values in.
    secrets = { for secret, resource in aws_secretsmanager_secret.this : secret => { name = resource.name } }
  }
}
