output "state_bucket" {
  description = "Bucket of Terraform's state."
  value       = aws_s3_bucket.this["state"].bucket
}

output "artifact_bucket" {
  description = "Bucket of the releases' packages."
  value       = aws_s3_bucket.this["artifacts"].bucket
}

output "permissions_boundary" {
  description = "ARN of the policy that bounds every role of the platform."
  value       = aws_iam_policy.boundary.arn
}

output "pipeline_roles" {
  description = "ARNs of the roles that GitHub's workflows take on, by what they do; empty without a repository."
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}
