variable "name_prefix" {
  description = "Beginning of every name: <project>-<environment>."
  type        = string
}

variable "environment" {
  description = "Name of the environment, which is also the API's stage."
  type        = string
}

variable "event_bus" {
  description = "Bus on which leads arrive and failures are told."
  type        = object({ name = string, arn = string })
}

variable "packages" {
  description = "Lambda packages of the release by name: the place of each in S3, and its SHA-256."
  type        = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))

  validation {
    condition     = length(setsubtract(["crm_registration", "crm_api", "api_keys"], keys(var.packages))) == 0
    error_message = "The packages crm_registration, crm_api and api_keys are needed. Type 'make package'."
  }
}

variable "database" {
  description = "The CRM's database: where it is, the certificate it is known by, the secrets of the functions' user and of its administrator with the latter's keys, and the network to reach it through."
  type = object({
    host             = string
    port             = number
    name             = string
    secret_arn       = string
    secret_pattern   = string
    admin_secret_arn = string
    admin_key_arns   = list(string)
    password_version = number
    ca_certificate   = optional(string)
    vpc              = optional(object({ subnet_ids = list(string), security_group_ids = list(string) }))
  })
}

variable "event_pattern" {
  description = "Where leads come from: the sources and detail-types of their events."
  type        = object({ sources = list(string), detail_types = list(string) })
  default = {
    sources = ["kranio.event.crm"]
    # The form's sender writes a blank at the end.
    detail_types = ["CRM Registration", "CRM Registration "]
  }
}

variable "api" {
  description = "Limits of the CRM API, and its key's generation: raise key_generation to have a new key."
  type = object({
    rate            = number
    burst           = number
    quota_per_month = number
    key_generation  = optional(number, 1)
  })
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

variable "backend_concurrency" {
  description = "How many requests each backend function serves at a time, which bounds the database's connections; null for no limit."
  type        = number
  default     = null
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

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes it at once."
  type        = number
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
