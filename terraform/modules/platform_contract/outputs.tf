output "platform" {
  description = "The platform, complete: what was left out has its default."
  value       = var.platform
}
