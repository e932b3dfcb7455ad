output "alias_arn" {
  description = "ARN by which calls are started."
  value       = module.async_call.alias_arn
}

output "table" {
  description = "Table of the jobs."
  value       = module.jobs.name
}
