output "arn" {
  description = "ARN of the rule, known before the rule is made."
  value       = local.arn
  depends_on  = [aws_cloudwatch_event_rule.this]
}

output "name" {
  description = "Name of the rule."
  value       = aws_cloudwatch_event_rule.this.name
}

output "dead_letter_queue_url" {
  description = "URL of the undelivered queue."
  value       = module.dead_letters.url
}

output "dead_letter_queue_name" {
  description = "Name of that queue."
  value       = module.dead_letters.name
}

output "alarm_names" {
  description = "Names of the alarms of the rule and of its undelivered queue."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], module.dead_letters.alarm_names)
}
