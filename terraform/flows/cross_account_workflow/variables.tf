variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    targets: APIs of other accounts, made of the module target, by the names that requests use: account, id of the API, stage, and region, null for the environment's.
    poll_seconds: seconds between two looks at a run.
    deadline_minutes: minutes after which a run counts as failed.
  EOT
  type = object({
    targets = map(object({
      account_id = string
      api_id     = string
      stage      = string
      region     = optional(string)
    }))
    poll_seconds     = optional(number, 30)
    deadline_minutes = optional(number, 240)
  })
  nullable = false

  validation {
    condition     = length(var.settings.targets) > 0 && alltrue([for name in keys(var.settings.targets) : can(regex("^[a-z][a-z0-9_-]{0,39}$", name))])
    error_message = "cross_account_workflow.targets has at least one target; names begin with a letter and have lower-case letters, digits, hyphens and underscores."
  }

  validation {
    condition = alltrue([
      for target in values(var.settings.targets) :
      can(regex("^[0-9]{12}$", target.account_id)) && can(regex("^[a-z0-9]{1,20}$", target.api_id)) && can(regex("^[A-Za-z0-9_-]{1,128}$", target.stage))
    ])
    error_message = "cross_account_workflow.targets need an account_id of 12 digits, and the api_id and stage that the target's owner gives you."
  }

  validation {
    condition     = var.settings.poll_seconds >= 1 && var.settings.deadline_minutes >= 1 && var.settings.deadline_minutes <= 600
    error_message = "cross_account_workflow.poll_seconds is 1 or more, and deadline_minutes 1 to 600: the state machine ends soon after."
  }

  validation {
    # A look makes nine events, and a history has 25,000 of them.
    condition     = var.platform.emulator != null || var.settings.deadline_minutes * 60 <= 2400 * var.settings.poll_seconds
    error_message = "cross_account_workflow.poll_seconds is too small for deadline_minutes: an execution has room for 2,400 looks. Raise it."
  }
}
