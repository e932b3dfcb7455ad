output "queue_arn" {
  description = "ARN of the queue, known before the queue is made."
  value       = module.queue.arn
}

output "queue_url" {
  description = "URL of the queue, known before the queue is made."
  value       = module.queue.url
}

output "functions" {
  description = "Summary of the function, by the name of its module."
  value       = { (var.function.module) = module.function.summary }
}

output "summary" {
  description = "The consumer's entry in the output of its flow, once the function gets messages."
  value = {
    kind                  = "queue"
    name                  = module.queue.summary.name
    queue_url             = module.queue.summary.url
    dead_letter_queue_url = module.dead_letters.summary.url
    alarm_names           = concat(module.queue.alarm_names, module.dead_letters.alarm_names)
  }
  depends_on = [aws_lambda_event_source_mapping.this]
}
