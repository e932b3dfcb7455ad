output "web_url" {
  description = "Address of the form."
  value       = module.site.url
}

output "functions" {
  description = "Functions by task: the name of each and the package that it runs."
  value       = { put_lead = { name = module.put_lead.name, package = module.put_lead.package } }
}

output "observed" {
  description = "What the environment's dashboard shows of the flow."
  value = {
    state_machines = {}
    apis           = { leads = { name = local.api_name, stage = module.api.stage } }
    rules          = {}
    queues         = []
    functions      = { put_lead = { name = module.put_lead.name, timeout_seconds = module.put_lead.timeout_seconds } }
    alarm_names    = concat(module.api.alarm_names, module.put_lead.alarm_names, module.site.alarm_names)
  }
}
