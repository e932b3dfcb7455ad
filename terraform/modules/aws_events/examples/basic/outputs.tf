output "bucket" {
  description = "Bucket whose events are forwarded."
  value       = module.pictures.name
}

output "event_bus_name" {
  description = "Bus that gets the events."
  value       = module.bus.name
}

output "archive_name" {
  description = "Archive of the bus."
  value       = module.bus.archive_name
}

output "queue_url" {
  description = "Queue that gets the events."
  value       = module.changes.summary.url
}

output "forwarding" {
  description = "Rule that forwards events."
  value       = module.aws_events.summary
}
