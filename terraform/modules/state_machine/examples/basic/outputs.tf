output "alias_arn" {
  description = "ARN by which executions are started."
  value       = module.shipping.alias_arn
}

output "role_name" {
  description = "Name of the state machine's role."
  value       = module.shipping.role_name
}

output "queue_url" {
  description = "Queue to which the state machine sends."
  value       = module.parcels.summary.url
}
