variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any

  validation {
    condition     = length(setsubtract(["crm_registration", "crm", "api_keys"], keys(var.platform.packages))) == 0
    error_message = "crm_registration needs the packages crm_registration, crm and api_keys. Type 'make package'."
  }

  validation {
    condition     = var.platform.database != null
    error_message = "crm_registration needs the platform's database. Set database in the environment's tfvars."
  }
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    api: leads per second that the CRM API takes, each with three calls, and twice as many at once; raise key_generation for a new key.
    backend_concurrency: requests that each backend function serves at a time, which bounds the database's connections; null for no limit.
    event_pattern: sources and detail-types of the events that hold a lead.
    front_door: the public form: leads per second and at once, own names, the ARN of their certificate in us-east-1, and whether HSTS includes their subdomains, and the requests that one address may make; null for no form.
  EOT
  type = object({
    api = object({
      leads_per_second = number
      key_generation   = optional(number, 1)
    })
    backend_concurrency = optional(number)
    event_pattern = optional(object({ sources = list(string), detail_types = list(string) }), {
      sources = ["kranio.event.crm"]
      # The form's sender writes a blank at the end.
      detail_types = ["CRM Registration", "CRM Registration "]
    })
    front_door = optional(object({
      rate     = optional(number, 10)
      burst    = optional(number, 20)
      firewall = optional(object({ requests = number, seconds = optional(number, 300) }))
      domain = optional(object({
        names           = list(string)
        certificate_arn = string
        hsts_subdomains = optional(bool, false)
      }))
    }))
  })
  nullable = false

  validation {
    condition     = var.settings.api.leads_per_second > 0
    error_message = "crm_registration.api.leads_per_second is above 0, or the API refuses every call."
  }

  validation {
    condition     = try(var.settings.front_door.rate, 0) <= var.settings.api.leads_per_second
    error_message = "crm_registration.front_door.rate is api.leads_per_second at most, or the form takes leads that the API refuses."
  }

  validation {
    condition     = var.settings.backend_concurrency == null ? true : var.settings.backend_concurrency >= 1
    error_message = "crm_registration.backend_concurrency is 1 or more, or null for no limit; 0 would keep the functions from running."
  }

  validation {
    condition     = length(var.settings.event_pattern.sources) > 0 && length(var.settings.event_pattern.detail_types) > 0
    error_message = "crm_registration.event_pattern needs at least one source and one detail-type, or the rule would match every event."
  }

  validation {
    condition     = try(var.settings.front_door.rate > 0 && var.settings.front_door.burst >= 1, var.settings.front_door == null)
    error_message = "crm_registration.front_door.rate is above 0 and front_door.burst is 1 or more, or the form refuses every lead."
  }
}
