output "name" {
  description = "Name of the function, once it can be invoked."
  value       = local.name
  depends_on  = [aws_lambda_alias.live]
}

output "alias" {
  description = "Alias that callers use."
  value       = aws_lambda_alias.live.name
}

output "alias_arn" {
  description = "ARN of the alias that callers use, known before the function is made."
  value       = "${local.arn}:${local.alias}"
  depends_on  = [aws_lambda_alias.live]
}

output "invoke_uri" {
  description = "URI by which API Gateway calls the alias."
  value       = "arn:${local.partition}:apigateway:${data.aws_region.current.id}:lambda:path/2015-03-31/functions/${local.arn}:${local.alias}/invocations"
  depends_on  = [aws_lambda_alias.live]
}

output "package" {
  description = "Name of the package that the function runs."
  value       = var.package.name
}

output "version" {
  description = "Published version that the alias points to."
  value       = aws_lambda_function.this.version
}

output "log_group_name" {
  description = "Log group of the function."
  value       = aws_cloudwatch_log_group.this.name
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "timeout_seconds" {
  description = "Seconds after which an invocation is ended."
  value       = var.timeout_seconds
}

output "alarm_names" {
  description = "Names of the function's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}

output "summary" {
  description = "The function's entry in the output of its flow, once the function can be invoked."
  value = {
    name            = local.name
    package         = var.package.name
    log_group_name  = aws_cloudwatch_log_group.this.name
    role_name       = aws_iam_role.this.name
    timeout_seconds = var.timeout_seconds
    # A pattern for FilterLogEvents: it finds the function's technical errors. The name of a log stream
    # has the version in brackets.
    technical_errors = local.technical_errors
    alarm_names      = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
  }
  depends_on = [aws_lambda_alias.live]
}
