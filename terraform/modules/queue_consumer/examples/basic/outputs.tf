output "queue_url" {
  description = "URL of the queue."
  value       = module.payments.queue_url
}

output "dead_letters_url" {
  description = "URL of its dead-letter queue."
  value       = module.payments.summary.dead_letter_queue_url
}
