output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.flow.state_machine_arn
}

output "rule_name" {
  description = "Name of the rule that starts the state machine when a revision is sent again."
  value       = module.flow.rule_name
}

output "api_url" {
  description = "URL of the webhook's API, without a slash at its end."
  value       = module.api.url
}

output "api_key_secret_arn" {
  description = "None: requests are signed, there is no API key."
  value       = null
}

output "secret_names" {
  description = "Secrets whose values their owners put in, by what they are for."
  value       = { for secret, made in aws_secretsmanager_secret.this : secret => made.name }
}

output "failed_queue_url" {
  description = "URL of the queue of revisions that are not everywhere yet."
  value       = module.flow.failed_queue_url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.flow.undelivered_queue_url
}

output "functions" {
  description = "Functions by state or task, as modules/lambda_function tells of them."
  value       = merge(module.flow.step_functions, module.api.functions)
}

output "observed" {
  description = "What the environment's dashboard shows of the flow beside its functions."
  value = merge(module.flow.observed, {
    apis        = { webhook = { name = module.api.name, stage = module.api.stage } }
    alarm_names = concat(module.flow.observed.alarm_names, module.api.alarm_names)
  })
}
