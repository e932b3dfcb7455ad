output "arn" {
  description = "ARN of the state machine."
  value       = local.arn
  depends_on  = [aws_sfn_state_machine.this]
}

output "alias_arn" {
  description = "ARN of the alias that starts the newest version, known before the state machine is made."
  value       = "${local.arn}:${local.alias}"
  depends_on  = [aws_sfn_alias.live]
}

output "version_arn" {
  description = "ARN of the version that the alias starts."
  value       = aws_sfn_state_machine.this.state_machine_version_arn
}

output "name" {
  description = "Name of the state machine."
  value       = aws_sfn_state_machine.this.name
}

output "role_name" {
  description = "Name of the state machine's role."
  value       = aws_iam_role.this.name
}

output "log_group_name" {
  description = "Name of the state machine's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "alarm_names" {
  description = "Names of the state machine's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
