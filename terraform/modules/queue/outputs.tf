output "arn" {
  description = "ARN of the queue, known before the queue is made."
  value       = local.arn
  depends_on  = [aws_sqs_queue.this]
}

output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "alarm_names" {
  description = "Names of the queue's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
