output "platform" {
  description = "The platform with every default."
  value       = module.platform.platform
}
