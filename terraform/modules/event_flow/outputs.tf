output "name" {
  description = "Name of the flow in this environment: of its rule and state machine, and the beginning of every other name."
  value       = local.name
}

output "tags" {
  description = "Tags of all that belongs to the flow, beside the provider's default tags."
  value       = local.tags
}

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.state_machine.arn
}

output "alias_arn" {
  description = "ARN by which the state machine's newest version is started."
  value       = module.state_machine.alias_arn
}

output "state_machine_role_arn" {
  description = "ARN of the state machine's role, known before the role is made."
  value       = module.state_machine.role_arn
}

output "delegated" {
  description = "What the state machine calls with roles that its tasks name, by integration: the actions, and the ARNs of what is called."
  value       = module.state_machine.delegated
}

output "rule_name" {
  description = "Name of the rule that starts the state machine."
  value       = module.rule.name
}

output "failed_queue_url" {
  description = "URL of the queue of failed events."
  value       = module.failed.url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.rule.dead_letter_queue_url
}

output "step_functions" {
  description = "The step functions, by state."
  value       = module.step_function
}

output "observed" {
  description = "What the environment's dashboard shows of it; a flow adds its APIs."
  value = {
    state_machines = { this = { name = local.name, arn = module.state_machine.arn } }
    rules          = { this = { name = module.rule.name, event_bus_name = var.platform.event_bus.name } }
    queues         = [module.failed.name, module.rule.dead_letter_queue_name]
    alarm_names    = concat(module.state_machine.alarm_names, module.rule.alarm_names, module.failed.alarm_names)
  }
}
