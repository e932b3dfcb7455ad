output "name" {
  description = "Name of the bus."
  value       = module.bus.name
}

output "archive_name" {
  description = "Name of the archive, from which events are replayed."
  value       = module.bus.archive_name
}

output "audit_log_group" {
  description = "Log group with a line for each event."
  value       = module.bus.audit.log_group
}

output "whole_event_log_group" {
  description = "Log group of whole events."
  value       = module.bus.whole_event_log_group
}
