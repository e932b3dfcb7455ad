variable "name_prefix" {
  description = "Beginning of every name: <project>-<environment>."
  type        = string
}

variable "environment" {
  description = "Name of the environment, which is also the API's stage."
  type        = string
}

variable "event_bus" {
  description = "Bus on which sign-ups arrive and failures are told."
  type        = object({ name = string, arn = string })
}

variable "packages" {
  description = "Lambda packages of the release by name: the place of each in S3, and its SHA-256."
  type        = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))

  validation {
    condition     = contains(keys(var.packages), "user_onboarding")
    error_message = "The package user_onboarding is needed. Type 'make package'."
  }
}

variable "settings" {
  description = "The tenants, by id; the sender of the welcome mail; sign-ups per second, and at once; whether users and their spaces outlive the flow's removal."
  type = object({
    tenants   = set(string)
    sender    = string
    rate      = optional(number, 10)
    burst     = optional(number, 20)
    keep_data = optional(bool, true)
  })

  validation {
    condition     = length(var.settings.tenants) > 0 && alltrue([for tenant in var.settings.tenants : can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", tenant))])
    error_message = "user_onboarding.tenants has at least one id; each has 2 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition     = can(regex("^([^<>@]+ <[^<>@ ]+@[a-z0-9.-]+>|[^<>@ ]+@[a-z0-9.-]+)$", var.settings.sender))
    error_message = "user_onboarding.sender is a mail address, or a name with one: 'Flowbridge <hello@example.com>', its domain in lower case."
  }
}

variable "retry" {
  description = "How a state repeats a call that may work later, as modules/event_flow takes it."
  type = object({
    interval_seconds  = optional(number)
    max_attempts      = optional(number)
    backoff_rate      = optional(number)
    max_delay_seconds = optional(number)
  })
  default = {}
}

variable "canary" {
  description = "While a release is tried: the version of each function, by name, that keeps the callers, and the percentage that the new ones get. Null at other times."
  type        = object({ stable_versions = map(string), percent = number })
  default     = null
}

variable "logs" {
  description = "Days that logs are kept, the level from which functions log, and whether the state machine logs inputs and outputs (personal data)."
  type        = object({ retention_days = number, level = string, execution_data = bool })
}

variable "emulator_endpoint" {
  description = "URL of the local emulator; null on AWS."
  type        = string
  default     = null
}

variable "role" {
  description = "IAM path and permissions boundary of every role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "ARNs that hear of the flow's alarms, and of their end."
  type        = list(string)
  default     = []
}
