output "queue_arn" {
  description = "ARN of the queue, known before the queue is made."
  value       = local.queue_arn
  depends_on  = [aws_batch_job_queue.this]
}

output "definition_arns" {
  description = "ARNs of the job definitions without a revision, by name, known before they are made."
  value       = local.definition_arns
  depends_on  = [aws_batch_job_definition.this]
}

output "log_group_name" {
  description = "Log group of the containers."
  value       = aws_cloudwatch_log_group.this.name
}

output "summary" {
  description = "The queue's entry in the output of its flow."
  value = {
    name           = aws_batch_job_queue.this.name
    max_vcpus      = var.max_vcpus
    log_group_name = aws_cloudwatch_log_group.this.name
    definitions    = { for name, definition in aws_batch_job_definition.this : name => definition.name }
  }
}
