output "topic_arn" {
  description = "Topic to which every alarm goes."
  value       = module.observability.topic_arn
}

output "dashboard_name" {
  description = "Name of the overview."
  value       = module.observability.dashboard_name
}

output "alarm_names" {
  description = "Alarms that publish to the topic."
  value       = module.orders.alarm_names
}
