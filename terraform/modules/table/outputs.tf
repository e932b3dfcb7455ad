output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "ARN of the table, known before the table is made."
  value       = local.arn
  depends_on  = [aws_dynamodb_table.this]
}

output "stream_arn" {
  description = "ARN of the table's stream; null without one."
  value       = var.stream == null ? null : aws_dynamodb_table.this.stream_arn
}

output "alarm_names" {
  description = "Names of the table's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}

output "summary" {
  description = "The table's entry in the output of its flow."
  value = {
    name        = aws_dynamodb_table.this.name
    alarm_names = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
  }
}
