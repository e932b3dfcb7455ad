output "topic_arn" {
  description = "ARN of the topic to which every alarm goes, known before the topic is made."
  # It waits for nothing: CloudWatch asks for the topic when an alarm is raised, and all that has an
  # alarm would wait for the topic's key.
  value = local.topic_arn
}

output "dashboard_name" {
  description = "Name of the overview."
  value       = module.overview.name
}
