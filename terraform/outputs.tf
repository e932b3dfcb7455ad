output "release" {
  description = "Release that runs."
  value       = local.manifest.release
}

output "event_bus_name" {
  description = "Bus on which events arrive."
  value       = module.event_bus.name
}

output "event_archive_name" {
  description = "Archive of every event of the bus."
  value       = module.event_bus.archive_name
}

output "event_audit" {
  description = "What tells which events the bus accepted: a log group, and the queue of what it did not take."
  value       = module.event_bus.audit
}

output "event_rule_names" {
  description = "Rules that give events to the flows, by flow."
  value       = { for name, flow in local.started_flows : name => flow.rule_name }
}

output "database" {
  description = "The CRM's database: host, port, name, and the secret of the functions' user."
  value = {
    host       = module.database.host
    port       = module.database.port
    name       = module.database.name
    secret_arn = module.database.secret_arn
  }
}

output "state_machine_arns" {
  description = "State machines, by flow."
  value       = { for name, flow in local.started_flows : name => flow.state_machine_arn }
}

output "api_urls" {
  description = "URLs of the APIs, by flow."
  value       = { for name, flow in local.started_flows : name => flow.api_url }
}

output "api_key_secret_arns" {
  description = "Secrets with the API keys, by flow."
  value       = { for name, flow in local.started_flows : name => flow.api_key_secret_arn if contains(keys(flow), "api_key_secret_arn") }
}

output "failed_queue_urls" {
  description = "Queues of failed events, by flow."
  value       = { for name, flow in local.started_flows : name => flow.failed_queue_url }
}

output "undelivered_queue_urls" {
  description = "Queues of events that could not be delivered, by flow."
  value       = { for name, flow in local.started_flows : name => flow.undelivered_queue_url }
}

output "functions" {
  description = "Functions by flow and by state, endpoint or task: the name of each and the package that it runs."
  value = {
    for name, flow in local.flows : name => { for key, function in flow.functions : key => { name = function.name, package = function.package } }
  }
}

output "mail_records" {
  description = "Tokens of the DNS records that prove the domains of mail, by flow: <token>._domainkey.<domain> is a CNAME of <token>.dkim.amazonses.com."
  value       = { for name, flow in local.flows : name => flow.mail_records if contains(keys(flow), "mail_records") }
}

output "web_urls" {
  description = "Addresses of the web pages, by flow."
  value       = { for name, flow in local.flows : name => flow.web_url if contains(keys(flow), "web_url") }
}

output "dashboard_name" {
  description = "CloudWatch dashboard of the environment."
  value       = module.observability.dashboard_name
}

output "alarm_topic_arn" {
  description = "SNS topic to which every alarm goes."
  value       = module.observability.topic_arn
}
