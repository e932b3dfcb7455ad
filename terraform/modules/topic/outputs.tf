output "arn" {
  description = "ARN of the topic, known before the topic is made."
  value       = local.arn
}

output "existing_arn" {
  description = "ARN of the topic once it exists, for services that look for it."
  value       = aws_sns_topic.this.arn
}

output "alarm_names" {
  description = "Names of the alarms of the topic and its undelivered queue."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], module.undelivered.alarm_names)
}

output "summary" {
  description = "The topic's entry in the output of its flow."
  value = {
    kind                  = "topic"
    name                  = aws_sns_topic.this.name
    arn                   = aws_sns_topic.this.arn
    undelivered_queue_url = module.undelivered.summary.url
    alarm_names           = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], module.undelivered.alarm_names)
  }
  depends_on = [aws_sns_topic_subscription.this]
}
