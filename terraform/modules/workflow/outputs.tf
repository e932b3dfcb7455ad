output "name" {
  description = "Name of the workflow in this environment, and the beginning of the names of its functions and queue."
  value       = local.name
}

output "flow_name" {
  description = "Name of the flow in this environment, the beginning of every name of the flow."
  value       = local.flow_name
}

output "tags" {
  description = "Tags of everything that belongs to the flow, added to the provider's default tags."
  value       = local.tags
}

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.state_machine.arn
}

output "alias_arn" {
  description = "ARN that starts the newest version of the state machine."
  value       = module.state_machine.alias_arn
}

output "state_machine_role_arn" {
  description = "ARN of the state machine's role, known before the role exists."
  value       = module.state_machine.role_arn
}

output "delegated" {
  description = "Calls of the tasks that run as a role of their own, by integration: actions, and ARNs of the targets."
  value       = module.state_machine.delegated
}

output "functions" {
  description = "Summaries of the task functions, by state."
  value       = { for state, function in module.task_function : state => function.summary }
}

output "summary" {
  description = "The workflow's entry in the output of its flow, which adds the triggers."
  value = {
    name              = local.name
    type              = module.state_machine.type
    state_machine_arn = module.state_machine.arn
    alias_arn         = module.state_machine.alias_arn
    log_group_name    = module.state_machine.log_group_name
    failed_queue_url  = module.failed.summary.url
    business_errors   = var.business_errors
    alarm_names = concat(
      module.state_machine.alarm_names,
      [for alarm in aws_cloudwatch_metric_alarm.technical_failures : alarm.alarm_name],
      [for alarm in aws_cloudwatch_metric_alarm.failed_share : alarm.alarm_name],
      module.failed.alarm_names,
    )
  }
}
