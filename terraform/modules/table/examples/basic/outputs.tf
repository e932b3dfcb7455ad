output "stream_arn" {
  description = "ARN of the table's stream."
  value       = module.orders.stream_arn
}

output "name" {
  description = "Name of the table."
  value       = module.orders.name
}
