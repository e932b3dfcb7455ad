variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    delete_columns: columns that the source job removes from the customers.
    remove_rows: the target job removes the rows that have one of these values in this column.
    nodes: DataBrew nodes of a job.
    job_minutes: minutes after which DataBrew ends a run.
    busy_seconds: wait before the target job is asked for again while it runs.
    deadline_minutes: minutes after which an execution no longer waits for a busy target job.
    deletion_protection: keep the bucket while it holds objects, and the table.
  EOT
  type = object({
    delete_columns      = list(string)
    remove_rows         = object({ column = string, values = list(string) })
    nodes               = optional(number, 5)
    job_minutes         = optional(number, 60)
    busy_seconds        = optional(number, 60)
    deadline_minutes    = optional(number, 180)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.settings.delete_columns) > 0 && length(var.settings.remove_rows.values) > 0
    error_message = "databrew_chain: delete_columns and remove_rows.values have one entry at least."
  }

  validation {
    condition     = !contains(var.settings.delete_columns, var.settings.remove_rows.column)
    error_message = "databrew_chain: the source job deletes remove_rows.column, which the target job reads. Take it out of delete_columns."
  }

  validation {
    condition     = var.settings.job_minutes >= 1 && var.settings.job_minutes <= 180 && var.settings.busy_seconds >= 1 && var.settings.deadline_minutes >= 1 && var.settings.deadline_minutes <= 600
    error_message = "databrew_chain: job_minutes is 1 to 180, busy_seconds 1 or more, deadline_minutes 1 to 600."
  }

  validation {
    # An attempt makes nine events, and a history has 25,000 of them.
    condition     = var.platform.emulator != null || var.settings.deadline_minutes * 60 <= 2400 * var.settings.busy_seconds
    error_message = "databrew_chain.busy_seconds is too small for deadline_minutes: an execution has room for 2,400 attempts. Raise it."
  }
}
