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
    condition     = contains(keys(var.platform.packages), "lead_form")
    error_message = "The package lead_form is needed. Type 'make package'."
  }
}

variable "settings" {
  description = "Leads per second, and at once, that the form's API takes of all people together; own names of the page and the ARN of their certificate in us-east-1."
  type = object({
    rate   = optional(number, 10)
    burst  = optional(number, 20)
    domain = optional(object({ names = list(string), certificate_arn = string }))
  })
  default = {}
}
