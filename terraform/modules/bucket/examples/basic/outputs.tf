output "name" {
  description = "Name of the bucket."
  value       = module.invoices.name
}
