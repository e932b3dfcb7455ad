output "arn" {
  description = "ARN of the key."
  value       = module.key.arn
}
