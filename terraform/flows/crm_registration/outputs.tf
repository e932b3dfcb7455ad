output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.state_machine.arn
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
  value       = module.failed_leads.url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.rule.dead_letter_queue_url
}

output "functions" {
  description = "Functions by state, endpoint or task: the name of each and the package that it runs."
  value = {
    for key, function in merge(module.step_function, module.backend_function, {
      migrate          = module.migrate
      remove_synthetic = module.remove_synthetic
      api_key_issuer   = module.api_key_issuer
    }) : key => { name = function.name, package = function.package }
  }
}
