output "web_url" {
  description = "Address of the form."
  value       = module.site.url
}

output "functions" {
  description = "Functions by task, as modules/lambda_function tells of them."
  value       = module.api.functions
}

output "observed" {
  description = "What the environment's dashboard shows of the flow beside its functions."
  value = {
    apis        = { leads = { name = module.api.name, stage = module.api.stage } }
    alarm_names = concat(module.api.alarm_names, module.site.alarm_names)
  }
}
