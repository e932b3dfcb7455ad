locals {
  # The emulator serves APIs below a path of its own.
  url = (
    var.emulator == null
    ? aws_api_gateway_stage.this.invoke_url
    : "${var.emulator.endpoint}/_aws/execute-api/${aws_api_gateway_rest_api.this.id}/${aws_api_gateway_stage.this.stage_name}"
  )
}

output "id" {
  description = "Identifier of the API."
  value       = aws_api_gateway_rest_api.this.id
}

output "url" {
  description = "URL of the stage, without a slash at its end."
  value       = local.url
}

output "host" {
  description = "Name of the server, by which a CloudFront distribution reaches the API."
  value       = "${aws_api_gateway_rest_api.this.id}.execute-api.${local.region}.${data.aws_partition.current.dns_suffix}"
}

output "stage" {
  description = "Name of the stage."
  value       = aws_api_gateway_stage.this.stage_name
}

output "stage_arn" {
  description = "ARN of the stage, by which a firewall protects it."
  value       = aws_api_gateway_stage.this.arn
}

output "usage_plan_id" {
  description = "Identifier of the usage plan to which the API key belongs; null for a public API."
  value       = one([for plan in aws_api_gateway_usage_plan.this : plan.id])
}

output "api_key_secret_arn" {
  description = "ARN of the secret that holds the API key; null for a public API."
  value       = one([for secret in aws_secretsmanager_secret.api_key : secret.arn])
}

output "api_key_secret_pattern" {
  description = "ARN of that secret for policies, known at plan time: Secrets Manager adds six characters to the name."
  value       = "arn:${local.partition}:secretsmanager:${local.place}:secret:${local.api_key_name}-??????"
}

output "api_key_id" {
  description = "Identifier of the API key that was issued last; null for a public API."
  value       = one([for issued in aws_lambda_invocation.api_key : jsondecode(issued.result).api_key_id])
}

output "name" {
  description = "Name of the API."
  value       = aws_api_gateway_rest_api.this.name
}

output "alarm_names" {
  description = "Names of the API's alarms."
  value       = local.alarm_names
}

output "summary" {
  description = "The API's entry in the output of its flow; without a key, api_key_secret_arn is null."
  value = {
    name               = aws_api_gateway_rest_api.this.name
    stage              = aws_api_gateway_stage.this.stage_name
    url                = local.url
    api_key_secret_arn = one([for secret in aws_secretsmanager_secret.api_key : secret.arn])
    alarm_names        = local.alarm_names
  }
}
