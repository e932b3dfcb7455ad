output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "ARN of the bucket, known before the bucket is made."
  value       = local.arn
  depends_on  = [aws_s3_bucket.this]
}
