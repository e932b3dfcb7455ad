output "name" {
  description = "Name of the bus."
  value       = aws_cloudwatch_event_bus.this.name
}

output "arn" {
  description = "ARN of the bus, known before the bus is made."
  value       = local.arn
  depends_on  = [aws_cloudwatch_event_bus.this]
}

output "archive_name" {
  description = "Name of the archive from which events can be replayed."
  value       = aws_cloudwatch_event_archive.this.name
}

output "audit" {
  description = "Audit log of accepted events: the log group, and the queue of events that could not be written."
  value       = { log_group = local.audit_group, queue_url = module.audit.summary.undelivered_queue_url }
}

output "audit_rule" {
  description = "Summary of the rule that writes the audit log."
  value       = module.audit.summary
}

output "whole_event_log_group" {
  description = "Log group of whole events; null without one."
  value       = one([for group in aws_cloudwatch_log_group.whole_events : group.name])
}

output "whole_event_rule" {
  description = "The rule that writes whole events, by a name, for dashboards; empty without one."
  value       = { for rule in module.whole_events : "whole_events" => rule.summary }
}
