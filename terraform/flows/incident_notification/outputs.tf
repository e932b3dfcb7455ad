output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, {
        triggers = {
          incidents = module.new_incidents.summary
          redriven  = module.rule.summary
        }
      })
    }
    triggers  = { replies = module.replies_topic.summary }
    functions = merge(module.workflow.functions, module.replies.functions, { start_incident = module.start_incident.summary })
    consumers = { replies = module.replies.summary }
    tables    = { incidents = module.incidents.summary, messages = module.messages.summary }
    number    = aws_pinpointsmsvoicev2_phone_number.this.phone_number

    alarm_names = [aws_cloudwatch_metric_alarm.unacknowledged.alarm_name]
  }
}
