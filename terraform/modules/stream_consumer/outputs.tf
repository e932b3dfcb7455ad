output "undelivered_queue_arn" {
  description = "ARN of the queue of records that could not be processed."
  value       = module.undelivered.arn
}

output "alarm_names" {
  description = "Names of the alarms of the records and their queue."
  value       = concat([aws_cloudwatch_metric_alarm.late.alarm_name], module.undelivered.alarm_names)
}

output "summary" {
  description = "The trigger's entry in the output of its flow."
  value = {
    kind                  = "stream_consumer"
    name                  = var.name
    table                 = var.table.name
    function_arn          = var.function.alias_arn
    undelivered_queue_url = module.undelivered.summary.url
    alarm_names           = concat([aws_cloudwatch_metric_alarm.late.alarm_name], module.undelivered.alarm_names)
  }
  depends_on = [aws_lambda_event_source_mapping.this]
}
