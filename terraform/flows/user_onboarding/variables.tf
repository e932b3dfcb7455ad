variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    tenants: ids of the tenants.
    sender: sender of the welcome mail.
    short_events: events that hold a user_id only: their sources, the tenant of their users, and the address of a user, in which {user_id} is replaced; null to take none.
    rate, burst: sign-ups per second, and at once.
    firewall: requests that one address may make within so many seconds; null for no such bound.
    deletion_protection: keep users and their spaces when the flow is removed.
  EOT
  type = object({
    tenants = set(string)
    sender  = string
    short_events = optional(object({
      sources = optional(list(string), ["myapp.signup"])
      tenant  = string
      address = string
    }))
    rate                = optional(number, 10)
    burst               = optional(number, 20)
    firewall            = optional(object({ requests = number, seconds = optional(number, 300) }))
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.settings.tenants) > 0 && alltrue([for tenant in var.settings.tenants : can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", tenant))])
    error_message = "user_onboarding.tenants has at least one id; each has 2 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition     = can(regex("^([^<>@]+ <[^<>@ ]+@[a-z0-9.-]+>|[^<>@ ]+@[a-z0-9.-]+)$", var.settings.sender))
    error_message = "user_onboarding.sender is a mail address, or a name with one: 'Flowbridge <hello@example.com>', its domain in lower case."
  }

  validation {
    condition     = try(contains(var.settings.tenants, var.settings.short_events.tenant) && strcontains(var.settings.short_events.address, "{user_id}"), var.settings.short_events == null)
    error_message = "user_onboarding.short_events.tenant is one of the tenants, and its address has {user_id}: '{user_id}@example.com'."
  }

  validation {
    condition     = var.settings.rate > 0 && var.settings.burst >= 1
    error_message = "user_onboarding.rate is above 0 and burst is 1 or more, or the API refuses every sign-up."
  }
}
