variable "platform" {
  description = "What the environment's flows have in common: the beginning of every name; the environment's name, which is also its APIs' stage; the bus; the release's packages by name; while a release is tried, the version of each function that keeps the callers and the share of the new one; how states repeat calls; logs; roles; the days in which a deleted secret comes back; the local emulator's URL; who hears of alarms."
  type = object({
    name_prefix          = string
    environment          = string
    event_bus            = object({ name = string, arn = string })
    packages             = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))
    canaries             = map(object({ stable_version = string, percent = number }))
    retry                = object({ interval_seconds = number, max_attempts = number, backoff_rate = number, max_delay_seconds = number })
    logs                 = object({ retention_days = number, level = string, execution_data = bool })
    role                 = object({ path = string, permissions_boundary = string })
    secret_recovery_days = number
    emulator_endpoint    = optional(string)
    alarm_actions        = list(string)
  })

  validation {
    condition     = length(setsubtract(["crm_registration", "crm_api", "api_keys"], keys(var.platform.packages))) == 0
    error_message = "The packages crm_registration, crm_api and api_keys are needed. Type 'make package'."
  }
}

variable "database" {
  description = "The CRM's database: where it is, the certificate it is known by, the secrets of the functions' user and of its administrator with the latter's keys, and the network to reach it through."
  type = object({
    host                  = string
    port                  = number
    name                  = string
    secret_arn            = string
    secret_pattern        = string
    admin_secret_arn      = string
    admin_secret_key_arns = list(string)
    password_version      = number
    ca_certificate        = optional(string)
    vpc                   = optional(object({ subnet_ids = list(string), security_group_ids = list(string) }))
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

variable "backend_concurrency" {
  description = "How many requests each backend function serves at a time, which bounds the database's connections; null for no limit."
  type        = number
  default     = null
}
