output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.flow.state_machine_arn
}

output "rule_name" {
  description = "Name of the rule that starts the state machine."
  value       = module.flow.rule_name
}

output "api_url" {
  description = "URL of the sign-up's API, without a slash at its end."
  value       = module.api.url
}

output "failed_queue_url" {
  description = "URL of the queue of failed sign-ups."
  value       = module.flow.failed_queue_url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.flow.undelivered_queue_url
}

output "mail_records" {
  description = "Tokens of the CNAME records <token>._domainkey.<domain> -> <token>.dkim.amazonses.com that prove the sender's domain."
  value       = aws_sesv2_email_identity.sender.dkim_signing_attributes[0].tokens
}

output "functions" {
  description = "Functions by state or task, as modules/lambda_function tells of them."
  value       = merge(module.flow.step_functions, module.api.functions)
}

output "observed" {
  description = "What the environment's dashboard shows of the flow beside its functions."
  value = merge(module.flow.observed, {
    apis        = { signup = { name = module.api.name, stage = module.api.stage } }
    alarm_names = concat(module.flow.observed.alarm_names, module.api.alarm_names, module.users.alarm_names)
  })
}
