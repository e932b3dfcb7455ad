output "name" {
  description = "Name of the state machine."
  value       = local.name
}

output "arn" {
  description = "ARN of the state machine."
  value       = module.state_machine.arn
}

output "alias_arn" {
  description = "ARN that a parent starts with states:startExecution.sync:2."
  value       = module.state_machine.alias_arn
}

output "triggers" {
  description = "The rule that cancels jobs, as the output of the flow lists it."
  value       = { for rule in module.ended : "${var.name}_cancel" => rule.summary }
}

output "summary" {
  description = "The call's entry in the output of its flow."
  value = {
    name              = local.name
    state_machine_arn = module.state_machine.arn
    alias_arn         = module.state_machine.alias_arn
    log_group_name    = module.state_machine.log_group_name
    cancel_arn        = one([for machine in module.cancel : machine.arn])
    alarm_names       = concat(module.state_machine.alarm_names, flatten([for machine in module.cancel : machine.alarm_names]))
  }
}
