output "host" {
  description = "Name of the server."
  value       = module.database.host
}

output "port" {
  description = "Port of the server."
  value       = module.database.port
}

output "secret_arn" {
  description = "Secret of the application's user."
  value       = module.database.secret_arn
}

output "admin_secret_arn" {
  description = "Secret of the administrator."
  value       = module.database.admin_secret_arn
}
