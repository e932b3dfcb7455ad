variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    clusters: by name, the address of each, its cores and memory, and the percentage that jobs of this flow may take.
    scheduler: when it is called; its rounds in each call, for so many seconds; seconds of waiting that a level of priority is worth; how long a job that does not fit lets smaller ones pass; how long an execution waits for a heartbeat.
    poll: least and most seconds between two questions about a run.
    longest_wait_days, longest_days: how long a job may wait in the queue, and take in all.
    deletion_protection: keep the jobs when the flow is removed.
  EOT
  type = object({
    clusters = map(object({
      url           = string
      cpu           = number
      memory_gb     = number
      share_percent = optional(number, 100)
    }))
    scheduler = optional(object({
      rate              = optional(string, "rate(5 minutes)")
      round_seconds     = optional(number, 10)
      work_seconds      = optional(number, 240)
      ageing_seconds    = optional(number, 3600)
      backfill_seconds  = optional(number, 3600)
      heartbeat_seconds = optional(number, 3600)
    }), {})
    poll                = optional(object({ min_seconds = optional(number, 15), max_seconds = optional(number, 1200) }), {})
    longest_wait_days   = optional(number, 14)
    longest_days        = optional(number, 45)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.settings.clusters) > 0 && alltrue([for name, cluster in var.settings.clusters : can(regex("^[a-z][a-z0-9-]{0,30}$", name)) && can(regex(var.platform.emulator == null ? "^https://" : "^(https://|/|http://127\\.0\\.0\\.1:)", cluster.url))])
    error_message = "cluster_job_manager.clusters has at least one cluster: a name of lower-case letters, digits and hyphens, and an https address (in the emulator, a path of it)."
  }

  validation {
    condition     = alltrue([for cluster in values(var.settings.clusters) : cluster.cpu >= 1 && cluster.memory_gb >= 1 && cluster.share_percent >= 1 && cluster.share_percent <= 100])
    error_message = "cluster_job_manager.clusters: cpu and memory_gb are 1 or more, and share_percent is 1 to 100."
  }

  validation {
    condition     = var.settings.scheduler.round_seconds >= 1 && var.settings.scheduler.work_seconds >= 1 && var.settings.scheduler.work_seconds <= 840
    error_message = "cluster_job_manager.scheduler: round_seconds is 1 or more, and work_seconds 1 to 840, as a function runs for 15 minutes at most."
  }

  validation {
    condition     = var.settings.scheduler.ageing_seconds >= 0 && var.settings.scheduler.backfill_seconds >= 1 && var.settings.scheduler.heartbeat_seconds >= 10
    error_message = "cluster_job_manager.scheduler: ageing_seconds is 0 or more, backfill_seconds 1 or more, and heartbeat_seconds 10 or more."
  }

  validation {
    condition     = var.settings.poll.min_seconds >= 1 && var.settings.poll.max_seconds >= var.settings.poll.min_seconds
    error_message = "cluster_job_manager.poll: min_seconds is 1 or more, and max_seconds is not less."
  }

  validation {
    # A question makes nine events, and a history has 25,000 of them.
    condition     = var.platform.emulator != null || (var.settings.longest_days - var.settings.longest_wait_days) * 24 * 3600 / var.settings.poll.max_seconds <= 2400
    error_message = "cluster_job_manager.poll.max_seconds is too small for a job that runs until longest_days: an execution has room for 2,400 questions. Raise it."
  }

  validation {
    condition     = var.settings.longest_wait_days >= 1 && var.settings.longest_days > var.settings.longest_wait_days && var.settings.longest_days <= 365
    error_message = "cluster_job_manager.longest_wait_days is 1 or more, and longest_days is above it and 365 at most."
  }
}
