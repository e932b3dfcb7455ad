variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    engine: rules engine: its URL, without a slash at its end, and the name of the secret with its bearer token, null for none; {} for the emulator's engine.
    callers: ARNs of roles, or numbers of accounts, that may call the API in addition to roles of its own account.
    rate, burst: requests per second, and at once.
    audit_days: days after which the audit's items are deleted.
    deletion_protection: keep the audit when the flow is removed.
  EOT
  type = object({
    engine              = object({ url = optional(string), token_secret = optional(string) })
    callers             = optional(list(string), [])
    rate                = optional(number, 20)
    burst               = optional(number, 40)
    audit_days          = optional(number, 365)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = var.settings.engine.url != null || try(var.platform.emulator, null) != null
    error_message = "business_rules.engine has no url. Give that of the rules engine: only the local environment brings one."
  }

  validation {
    condition     = var.settings.engine.url == null ? true : can(regex("^https://[^/]+(/.*[^/])?$", var.settings.engine.url))
    error_message = "business_rules.engine.url begins with https:// and has no slash at its end: requests hold personal data."
  }

  validation {
    condition     = var.settings.audit_days >= 1 && floor(var.settings.audit_days) == var.settings.audit_days
    error_message = "business_rules.audit_days is a whole number, 1 or more."
  }

  validation {
    condition     = var.settings.rate > 0 && var.settings.burst >= 1
    error_message = "business_rules.rate is above 0 and burst is 1 or more, or the API refuses every request."
  }
}
