output "name" {
  description = "Name of the API."
  value       = module.api.name
}

output "url" {
  description = "URL of the stage, without a slash at its end."
  value       = module.api.url
}

output "host" {
  description = "Name of the server, by which a CloudFront distribution reaches the API."
  value       = module.api.host
}

output "stage" {
  description = "Name of the stage."
  value       = module.api.stage
}

output "functions" {
  description = "The function by the name of its module, as modules/lambda_function tells of it."
  value       = { (var.function.module) = module.function }
}

output "alarm_names" {
  description = "Names of the API's alarms."
  value       = module.api.alarm_names
}
