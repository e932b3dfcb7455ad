output "name" {
  description = "Name of the bus."
  value       = aws_cloudwatch_event_bus.this.name
}

output "arn" {
  description = "ARN of the bus, known before the bus is made."
  value       = local.arn
  depends_on  = [aws_cloudwatch_event_bus.this]
}

output "archive_name" {
  description = "Name of the archive from which events can be replayed."
  value       = aws_cloudwatch_event_archive.this.name
}
