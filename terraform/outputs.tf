output "release" {
  description = "Digest of the running release."
  value       = local.manifest.release
}

output "event_bus_name" {
  description = "Name of the bus."
  value       = module.event_bus.name
}

output "event_archive_name" {
  description = "Archive of every event on the bus."
  value       = module.event_bus.archive_name
}

output "event_audit" {
  description = "Audit log of the events that the bus accepted: its log group, and the queue of events that could not be written to it."
  value       = module.event_bus.audit
}

output "aws_events" {
  description = "Rule that forwards events of AWS services to the bus; null in an environment whose flows ask for none."
  value       = one(values(module.aws_events)[*].summary)
}

output "database" {
  description = "The database: host, port, name, and the secret of the functions' user; null in an environment without one."
  value = one([for database in module.database : {
    host       = database.host
    port       = database.port
    name       = database.name
    secret_arn = database.secret_arn
  }])

  precondition {
    condition     = alltrue([for limit in local.database_limits : local.database_connections <= limit.alarm])
    error_message = "The flows may open ${local.database_connections} connections to the database, and its alarm fires above ${join(", ", local.database_limits[*].alarm)}. Choose a larger database.rds.instance_class, or lower the flows' concurrency."
  }
}

output "flows" {
  description = "The output of each flow, by name."
  value       = local.flows

  # A flow's type drops what it does not know, so a misspelled setting would have no effect.
  precondition {
    condition     = length(local.unknown_settings) == 0
    error_message = "No flow has the settings ${join(", ", local.unknown_settings)}. Correct their names in the environment's tfvars."
  }
}

output "canary_guard" {
  description = "Function that reverts a canary; null in an environment without canaries."
  value       = one(values(module.canary_guard)[*].summary)
}

output "dashboard_name" {
  description = "CloudWatch dashboard with the overview of the environment."
  value       = module.observability.dashboard_name
}

output "alarm_topic_arn" {
  description = "SNS topic of every alarm."
  value       = module.observability.topic_arn
}
