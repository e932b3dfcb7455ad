output "arn" {
  description = "ARN of the topic."
  value       = module.alarms.existing_arn
}

output "queue_url" {
  description = "Queue that gets the messages."
  value       = module.log.summary.url
}

output "log_group_name" {
  description = "Log group of the function that gets the messages."
  value       = module.announce.log_group_name
}

output "undelivered_queue_url" {
  description = "Queue of messages that could not be delivered."
  value       = module.alarms.summary.undelivered_queue_url
}
