variable "name" {
  description = "Name of the bucket, which no other account may have."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the bucket while it holds objects."
  type        = bool
}

variable "old_versions_days" {
  description = "Days in which an object that was replaced or deleted can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1
    error_message = "old_versions_days is 1 or more."
  }
}

variable "policies" {
  description = "Policies, as JSON, that admit services in addition to the roles; the statement that refuses plain HTTP is added."
  type        = list(string)
  default     = []
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
