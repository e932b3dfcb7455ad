output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { lead = module.rule.summary } })
    }
    functions = merge(
      module.workflow.functions,
      { for endpoint, function in module.backend_function : endpoint => function.summary },
      { for task, function in module.operator_function : task => function.summary },
      { migrate = module.migrate.summary, api_key_issuer = module.api_key_issuer.summary },
      values(module.front_door_api)[*].functions...
    )
    apis = merge(
      { crm = module.api.summary },
      { for api in module.front_door_api : "front_door" => api.summary },
    )
    # The most at a time: one for each running function, and the two of a migration.
    database_connections = (
      var.settings.backend_concurrency == null ? null :
      length(module.backend_function) * var.settings.backend_concurrency + length(module.operator_function) + 2
    )
    web_url     = one(values(module.front_door_site)[*].url)
    alarm_names = flatten(values(module.front_door_site)[*].alarm_names)
  }
}
