output "arn" {
  description = "ARN of the state machine."
  value       = local.arn
  depends_on  = [aws_sfn_state_machine.this]
}

output "alias_arn" {
  description = "ARN of the alias that starts the newest version, known before the state machine exists."
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

output "type" {
  description = "STANDARD or EXPRESS."
  value       = var.type
}

output "role_name" {
  description = "Name of the state machine's role."
  value       = aws_iam_role.this.name
}

output "role_arn" {
  description = "ARN of the state machine's role, known before the role exists."
  value       = local.role_arn
}

output "delegated" {
  description = "Calls of the tasks that run as a role of their own, by integration: actions, and ARNs of the targets."
  value = {
    for name, arns in local.delegated : name => { actions = try(local.integrations[name].actions, []), resources = arns }
  }
}

output "log_group_name" {
  description = "Name of the state machine's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "alarm_names" {
  description = "Names of the state machine's alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name]
}
