output "arn" {
  description = "ARN of the queue, known before the queue is made."
  value       = local.arn
  depends_on  = [aws_sqs_queue.this]
}

output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}
