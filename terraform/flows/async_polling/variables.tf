variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    limits: limits of each call, as in modules/async_call.
    parallel_calls: calls of one request at the same time.
    result_days: days that a large result is kept.
    deletion_protection: keep large results when the flow is removed.
  EOT
  type = object({
    limits = optional(object({
      wait_seconds     = optional(number, 15)
      deadline_seconds = optional(number, 3600)
      max_errors       = optional(number, 10)
      max_wait_seconds = optional(number, 60)
      wait_growth      = optional(number, 1.5)
    }), {})
    parallel_calls      = optional(number, 40)
    result_days         = optional(number, 30)
    deletion_protection = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.settings.parallel_calls >= 1 && var.settings.parallel_calls <= 40
    error_message = "async_polling.parallel_calls is 1 to 40, the most that an inline Map runs at once."
  }

  # The parent waits 13200 s for a call, which ends within ten minutes after its deadline.
  validation {
    condition     = var.settings.limits.deadline_seconds <= 12600
    error_message = "async_polling.limits.deadline_seconds is 12600 at most, because the parent waits no longer for a call."
  }
}
