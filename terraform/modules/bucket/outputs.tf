output "name" {
  description = "Name of the bucket, once it keeps the versions of what is put there."
  value       = aws_s3_bucket.this.bucket
  depends_on  = [aws_s3_bucket_versioning.this]
}

output "arn" {
  description = "ARN of the bucket, known before the bucket is made."
  value       = local.arn
  depends_on  = [aws_s3_bucket.this]
}

output "domain_name" {
  description = "Name of the host by which the bucket is reached, in its region."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}

output "summary" {
  description = "The bucket's entry in the output of its flow."
  value       = { name = aws_s3_bucket.this.bucket }
}
