output "name" {
  description = "Name of the schedule and its group."
  value       = module.nightly.summary.name
}

output "state_machine_arn" {
  description = "State machine that the schedule starts."
  value       = module.billing.arn
}

output "queue_url" {
  description = "Queue of the days that are billed."
  value       = module.days.summary.url
}

output "undelivered_queue_url" {
  description = "Queue of events that could not start the state machine."
  value       = module.nightly.summary.undelivered_queue_url
}
