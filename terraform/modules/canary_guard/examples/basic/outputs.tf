output "name" {
  description = "Name of the guard's function."
  value       = module.canary_guard.summary.name
}
