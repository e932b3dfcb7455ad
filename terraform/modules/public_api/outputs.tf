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
  description = "Summary of the function, by the name of its module."
  value       = { (var.function.module) = module.function.summary }
}

output "summary" {
  description = "The API's entry in the output of its flow."
  value       = module.api.summary
}
