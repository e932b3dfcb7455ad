output "name" {
  description = "Name of the function."
  value       = module.greet.name
}

output "alias" {
  description = "Alias by which callers invoke it."
  value       = module.greet.alias
}
