output "host" {
  description = "Name or address of the server."
  value       = local.location.host
}

output "port" {
  description = "Port of the server."
  value       = local.location.port
}

output "name" {
  description = "Name of the database on the server."
  value       = local.location.name
}

output "secret_arn" {
  description = "ARN of the secret of the application's user, once it has a value."
  value       = aws_secretsmanager_secret.application.arn
  depends_on  = [aws_secretsmanager_secret_version.application]
}

output "secret_pattern" {
  description = "ARN of that secret for policies, known at plan time: Secrets Manager adds six characters to the name."
  value       = "arn:${local.partition}:secretsmanager:${local.place}:secret:${local.application_secret_name}-??????"
}

output "password_version" {
  description = "Changes when the application's user gets a new password."
  value       = aws_secretsmanager_secret_version.application.secret_string_wo_version
}

output "admin_secret_arn" {
  description = "ARN of the secret of the administrator, which only migrations use."
  value       = local.location.admin_secret
}

output "admin_secret_key_arns" {
  description = "ARN of the key that encrypts the administrator's secret, which its readers need too; none on premises."
  value       = values(module.key)[*].arn
}

output "ca_certificate" {
  description = "PEM text of the certificate of the authority that vouches for the server; null when it is not verified."
  value       = local.ca_certificate
}

output "observed" {
  description = "RDS instance for the overview: identifier, thresholds and names of its alarms; null on premises."
  value = one([for key in keys(local.rds) : {
    identifier  = var.name
    alarm       = local.thresholds[key]
    alarm_names = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
  }])
}

output "connections" {
  description = "Connections that the RDS server takes, and those above which its alarm fires; null on premises."
  value       = one([for key in keys(local.rds) : { most = local.max_connections[key], alarm = local.thresholds[key].connections }])
}

output "vpc" {
  description = "Subnets and security group of a function that uses the database; null when that needs no VPC."
  value = one([for key, network in local.network : {
    subnet_ids         = network.subnet_ids
    security_group_ids = [aws_security_group.client[key].id]
  }])
}
