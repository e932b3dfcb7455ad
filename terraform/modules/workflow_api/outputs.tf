output "id" {
  description = "Identifier of the API."
  value       = module.api.id
}

output "url" {
  description = "URL of the stage, without a slash at its end."
  value       = module.api.url
}

output "host" {
  description = "Name of the server, by which a state machine calls the API."
  value       = module.api.host
}

output "stage" {
  description = "Name of the stage."
  value       = module.api.stage
}

output "usage_plan_id" {
  description = "Identifier of the usage plan to which the API key belongs; null for an API without keys."
  value       = module.api.usage_plan_id
}

output "api_key_secret_pattern" {
  description = "ARN of the secret of the API key for policies."
  value       = module.api.api_key_secret_pattern
}

output "role_name" {
  description = "Name of the role with which the API calls its targets."
  value       = aws_iam_role.targets.name
}

output "summary" {
  description = "The API's entry in the output of its flow."
  value       = module.api.summary
}

output "trigger" {
  description = "The entry of the API among the triggers of a workflow."
  value       = { kind = "workflow_api", name = module.api.name, alarm_names = [] }
}
