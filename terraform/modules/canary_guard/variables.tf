variable "name_prefix" {
  description = "Beginning of the names of the environment's functions, state machines and alarms, without its last hyphen."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has lower-case letters, digits and hyphens, and no hyphen at its end."
  }
}

variable "parameter_prefix" {
  description = "Beginning of the names of the environment's SSM parameters; `release` and `canary` follow."
  type        = string

  validation {
    condition     = can(regex("^/.*/$", var.parameter_prefix))
    error_message = "parameter_prefix begins and ends with a slash, such as /flowbridge/prd/."
  }
}

variable "package" {
  description = "The zip with the guard: its name, its place in S3, and its SHA-256 in base64."
  type        = object({ name = string, bucket = string, key = string, sha256_base64 = string })
}

variable "logs" {
  description = "Days that logs are kept, and the level from which the guard logs."
  type        = object({ retention_days = number, level = string })
}

variable "role" {
  description = "IAM path and permissions boundary of the guard's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the guard fires or clears; it fires after a revert."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
