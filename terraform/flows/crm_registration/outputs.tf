output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.flow.state_machine_arn
}

output "rule_name" {
  description = "Name of the rule that starts the state machine."
  value       = module.flow.rule_name
}

output "api_url" {
  description = "URL of the CRM API, without a slash at its end."
  value       = module.api.url
}

output "api_key_secret_arn" {
  description = "ARN of the secret with the API key."
  value       = module.api.api_key_secret_arn
}

output "failed_queue_url" {
  description = "URL of the queue of failed leads."
  value       = module.flow.failed_queue_url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.flow.undelivered_queue_url
}

output "functions" {
  description = "Functions by state, endpoint or task, as modules/lambda_function tells of them."
  value = merge(module.flow.step_functions, module.backend_function, module.operator_function, {
    migrate        = module.migrate
    api_key_issuer = module.api_key_issuer
  })
}

output "observed" {
  description = "What the environment's dashboard shows of the flow beside its functions."
  value = merge(module.flow.observed, {
    apis        = { crm = { name = local.api_name, stage = module.api.stage } }
    alarm_names = concat(module.flow.observed.alarm_names, module.api.alarm_names)
  })
}
