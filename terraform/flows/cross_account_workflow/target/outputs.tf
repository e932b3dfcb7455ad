output "api_id" {
  description = "Identifier of the API, for the settings of the calling flow."
  value       = module.api.id
}

output "stage" {
  description = "Name of the API's stage, for the settings of the calling flow."
  value       = module.api.stage
}

output "role_name" {
  description = "Name of the role with which the API calls the state machine."
  value       = module.api.role_name
}
