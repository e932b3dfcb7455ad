output "arn" {
  description = "ARN of the queue; does not wait until the queue exists."
  value       = local.arn
}

output "url" {
  description = "URL of the queue; does not wait until the queue exists."
  value       = local.url
}

output "existing_arn" {
  description = "ARN of the queue once it exists, for a queue that redrives to this one."
  value       = aws_sqs_queue.this.arn
}

output "alarm_names" {
  description = "Names of the queue's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}

output "summary" {
  description = "The queue's entry in the output of its flow, once the queue exists."
  value = {
    name        = aws_sqs_queue.this.name
    url         = local.url
    alarm_names = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
  }
}
