output "event_bus_name" {
  description = "Bus whose events the rule matches."
  value       = aws_cloudwatch_event_bus.shop.name
}

output "queue_url" {
  description = "Queue that gets the events."
  value       = module.orders.summary.url
}

output "undelivered_queue_url" {
  description = "Queue of events that could not be delivered."
  value       = module.rule.summary.undelivered_queue_url
}
