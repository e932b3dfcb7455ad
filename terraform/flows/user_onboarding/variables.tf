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
