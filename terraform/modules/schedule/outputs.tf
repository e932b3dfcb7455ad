output "arn" {
  description = "ARN of the schedule."
  value       = aws_scheduler_schedule.this.arn
}

output "role_name" {
  description = "Name of the schedule's role."
  value       = aws_iam_role.this.name
}

output "summary" {
  description = "The trigger's entry in the output of its flow."
  value = {
    kind                  = "schedule"
    name                  = aws_scheduler_schedule.this.name
    undelivered_queue_url = module.dead_letters.summary.url
    alarm_names           = concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name], module.dead_letters.alarm_names)
  }
}
