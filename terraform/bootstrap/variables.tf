variable "project" {
  description = "First part of every name."
  type        = string
  default     = "flowbridge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.project))
    error_message = "project has 2 to 15 lower-case letters, digits and hyphens (AWS limits the length of names)."
  }
}

variable "environment" {
  description = "Name of the environment that the account is for."
  type        = string

  validation {
    condition     = contains(["local", "dev", "qa", "prd"], var.environment)
    error_message = "environment is local, dev, qa or prd."
  }
}

variable "region" {
  description = "AWS region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, such as us-east-1."
  }
}

variable "account_id" {
  description = "The only AWS account to which this can be applied."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has 12 digits, in quotes."
  }
}

variable "emulator_endpoint" {
  description = "URL of the local emulator; null on AWS."
  type        = string
  default     = null

  validation {
    condition     = var.emulator_endpoint == null || can(regex("^http://127\\.0\\.0\\.1:[0-9]+$", var.emulator_endpoint))
    error_message = "emulator_endpoint is http://127.0.0.1:<port>."
  }
}

variable "database" {
  description = "The environment's database. The bootstrap uses only the name of the secret of an on-premises administrator, and the region of the backups' copy."
  type = object({
    on_premises = optional(object({ admin_secret_name = string }))
    rds         = optional(object({ backup_copy = optional(object({ region = string })) }))
  })
  default = {}
}

variable "flows" {
  description = "Names of the flows of the environment, folders of terraform/flows."
  type        = set(string)

  validation {
    condition     = alltrue([for flow in var.flows : can(regex("^[a-z][a-z0-9_]*$", flow)) && flow != "platform"])
    error_message = "Each of flows is the name of a folder of terraform/flows: lower-case letters, digits and underscores, and not 'platform'."
  }
}

variable "github_repository" {
  description = "GitHub repository, as owner/name, whose workflows may deploy to this account; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is owner/name, such as octo-org/flowbridge, without a wildcard."
  }
}

variable "github_repository_ids" {
  description = "Ids of the repository and of its owner, if GitHub's tokens contain them; otherwise null."
  type        = object({ owner = string, repository = string })
  default     = null

  validation {
    condition     = var.github_repository_ids == null ? true : alltrue([for id in values(var.github_repository_ids) : can(regex("^[0-9]+$", id))])
    error_message = "github_repository_ids are two numbers, owner and repository."
  }

  validation {
    condition     = var.github_repository_ids == null || var.github_repository != null
    error_message = "github_repository_ids go with github_repository."
  }
}

variable "github_readers" {
  description = "Workflows of the repository that may use the plan role, by the end of their token's subject."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for reader in var.github_readers : can(regex("^(pull_request|environment:[a-z]+|ref:refs/heads/[A-Za-z0-9._/-]+)$", reader))])
    error_message = "Each of github_readers is pull_request, environment:<name> or ref:refs/heads/<branch>, without a wildcard."
  }
}

variable "github_oidc_provider_arn" {
  description = "ARN of the account's identity provider for GitHub, if there is one already; null to create it."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null || can(regex("^arn:[^:]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn is arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com."
  }
}
