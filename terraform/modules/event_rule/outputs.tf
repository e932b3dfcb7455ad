output "arn" {
  description = "ARN of the rule, known before the rule is made."
  value       = local.arn
  depends_on  = [aws_cloudwatch_event_rule.this]
}

output "name" {
  description = "Name of the rule."
  value       = aws_cloudwatch_event_rule.this.name
}

output "summary" {
  description = "The trigger's entry in the output of its flow."
  value = {
    kind                  = "event_rule"
    name                  = aws_cloudwatch_event_rule.this.name
    event_bus_name        = var.event_bus_name
    undelivered_queue_url = module.dead_letters.summary.url
    alarm_names           = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], module.dead_letters.alarm_names)
  }
}
