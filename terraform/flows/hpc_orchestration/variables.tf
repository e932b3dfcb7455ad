variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    network: subnets and security groups of the jobs, and whether they get public addresses; from there they reach ECR, S3, DynamoDB, Step Functions and CloudWatch Logs.
    max_vcpus: vCPUs that all jobs have together.
    max_concurrency: batches of entries that are computed at the same time.
    deletion_protection: keep records and results when the flow is removed.
  EOT
  type = object({
    network = object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
      public_address     = optional(bool, false)
    })
    max_vcpus           = optional(number, 4)
    max_concurrency     = optional(number, 10)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.settings.network.subnet_ids) > 0 && length(var.settings.network.security_group_ids) > 0
    error_message = "hpc_orchestration.network needs at least one subnet and one security group."
  }

  validation {
    condition     = contains(range(1, 1001), var.settings.max_concurrency)
    error_message = "hpc_orchestration.max_concurrency is a whole number from 1 to 1000."
  }
}
