output "url" {
  description = "URL of the stage."
  value       = module.api.url
}

output "queue_url" {
  description = "URL of the queue of remarks."
  value       = module.remarks.url
}
