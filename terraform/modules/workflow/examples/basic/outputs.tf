output "alias_arn" {
  description = "ARN by which executions are started."
  value       = module.workflow.alias_arn
}

output "failed_queue_url" {
  description = "Queue of failed refunds."
  value       = module.workflow.summary.failed_queue_url
}
