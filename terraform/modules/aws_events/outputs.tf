output "summary" {
  description = "The rule, as commands and dashboards read it."
  value       = module.rule.summary
}
