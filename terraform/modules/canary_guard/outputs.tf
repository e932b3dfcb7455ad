output "summary" {
  description = "The guard's function, as commands read it."
  value       = module.function.summary
  depends_on  = [aws_cloudwatch_event_target.this]
}

output "observed" {
  description = "The parts of the guard that a dashboard shows, in the form of a flow's output."
  value = {
    functions = { guard = module.function.summary }
    triggers = {
      for key, rule in aws_cloudwatch_event_rule.this : key => {
        kind           = "event_rule"
        name           = rule.name
        event_bus_name = "default"
        alarm_names    = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if alarm.dimensions.RuleName == rule.name]
      }
    }
  }
}
