output "state_bucket" {
  description = "Bucket of Terraform's state."
  value       = aws_s3_bucket.this["state"].bucket
}

output "artifact_bucket" {
  description = "Bucket of the releases' packages."
  value       = aws_s3_bucket.this["artifacts"].bucket
}

output "permissions_boundaries" {
  description = "ARNs of the permissions boundaries, by the flow whose roles they limit, or 'platform'."
  value       = { for owner, policy in aws_iam_policy.role_boundary : owner => policy.arn }
}

output "rights_room" {
  description = "Characters used and free in each policy of the pipeline's roles and in each boundary."
  value       = local.room

  precondition {
    condition     = length(local.faults) == 0
    error_message = "The flows' rights are not valid. Correct these (terraform/bootstrap/README.md describes the file):\n${join("\n", local.faults)}"
  }

  precondition {
    condition     = length(local.overflows) == 0
    error_message = "The flows' rights do not fit into policies.\n${join("\n", local.overflows)}"
  }
}

output "pipeline_roles" {
  description = "ARNs of the deploy role and the plan role, by name; empty without a repository."
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}
