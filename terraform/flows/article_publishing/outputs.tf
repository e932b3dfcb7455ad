output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = module.flow.state_machine_arn
}

output "rule_name" {
  description = "Name of the rule that starts the state machine when a revision is sent again."
  value       = module.flow.rule_name
}

output "api_url" {
  description = "URL of the webhook's API, without a slash at its end."
  value       = module.api.url
}

output "api_key_secret_arn" {
  description = "None: requests are signed, there is no API key."
  value       = null
}

output "secret_names" {
  description = "Secrets whose values their owners put in, by what they are for."
  value       = { for secret, made in aws_secretsmanager_secret.this : secret => made.name }
}

output "failed_queue_url" {
  description = "URL of the queue of revisions that are not everywhere yet."
  value       = module.flow.failed_queue_url
}

output "undelivered_queue_url" {
  description = "URL of the queue of events that could not start the state machine."
  value       = module.flow.undelivered_queue_url
}

output "functions" {
  description = "Functions by state or task: the name of each and the package that it runs."
  value = {
    for key, function in local.functions : key => { name = function.name, package = function.package }
  }
}

output "observed" {
  description = "What the environment's dashboard shows of the flow."
  value = {
    state_machines = module.flow.observed.state_machines
    apis           = { webhook = { name = local.api_name, stage = module.api.stage } }
    rules          = module.flow.observed.rules
    queues         = module.flow.observed.queues

    functions = {
      for key, function in local.functions : key => { name = function.name, timeout_seconds = function.timeout_seconds }
    }

    alarm_names = concat(
      module.flow.observed.alarm_names,
      module.api.alarm_names,
      flatten([for function in local.functions : function.alarm_names]),
    )
  }
}
