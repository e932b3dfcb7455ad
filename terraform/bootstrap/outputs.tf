output "state_bucket" {
  description = "Bucket of Terraform's state."
  value       = aws_s3_bucket.this["state"].bucket
}

output "artifact_bucket" {
  description = "Bucket of the releases' packages."
  value       = aws_s3_bucket.this["artifacts"].bucket
}
