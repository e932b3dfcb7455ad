output "url" {
  description = "URL of the queue."
  value       = module.work.summary.url
}

output "dead_letters_url" {
  description = "URL of its dead-letter queue."
  value       = module.dead_letters.summary.url
}
