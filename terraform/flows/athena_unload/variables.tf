variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    schedule: when the reviews are unloaded.
    timezone: time zone of the schedule.
    keep_hours: hours in which a run that is no longer current can be read.
    most_bytes_scanned: bytes that one query may scan; Athena cancels it above.
    poll_seconds: the first wait for a crawl.
    deletion_protection: refuse to delete the buckets while they hold objects.
  EOT
  type = object({
    schedule            = string
    timezone            = optional(string, "UTC")
    keep_hours          = optional(number, 48)
    most_bytes_scanned  = optional(number, 1099511627776)
    poll_seconds        = optional(number, 15)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = var.settings.keep_hours >= 0 && var.settings.keep_hours <= 8760
    error_message = "athena_unload.keep_hours is 0 to 8760 (a year)."
  }

  validation {
    condition     = var.settings.most_bytes_scanned >= 10000000
    error_message = "athena_unload.most_bytes_scanned is 10000000 or more, which is Athena's smallest limit."
  }
}
