output "url" {
  description = "URL of the stage."
  value       = module.api.url
}
