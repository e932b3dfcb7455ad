variable "name" {
  description = "Name of the schedule and its group, and the beginning of the names of its role and undelivered queue."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A schedule's name has 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "description" {
  description = "Purpose of the schedule."
  type        = string
}

variable "schedule" {
  description = <<-EOT
    When the target is called:
    expression: rate(5 minutes), cron(0 23 * * ? *) with six fields, or at(2027-01-31T08:00:00).
    timezone: time zone of cron and at, such as Europe/Vienna.
    flexible_minutes: window in which Scheduler chooses the moment; 0 for the exact time.
    enabled: whether the schedule runs.
  EOT
  type = object({
    expression       = string
    timezone         = optional(string, "UTC")
    flexible_minutes = optional(number, 0)
    enabled          = optional(bool, true)
  })

  validation {
    condition     = can(regex("^(rate\\([1-9][0-9]* (minute|hour|day)s?\\)|cron\\([^ ()]+( [^ ()]+){5}\\)|at\\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\))$", var.schedule.expression))
    error_message = "schedule.expression is rate(5 minutes), cron(0 23 * * ? *) with six fields, or at(2027-01-31T08:00:00)."
  }

  validation {
    condition     = var.schedule.flexible_minutes >= 0 && var.schedule.flexible_minutes <= 1440
    error_message = "schedule.flexible_minutes is 0 to 1440 (a day)."
  }
}

variable "target_arn" {
  description = "ARN of the state machine that is started, or of the function that is called; an alias of either."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:(states|lambda):", var.target_arn))
    error_message = "The target is the ARN of a state machine or a function, or of an alias."
  }
}

variable "event" {
  description = <<-EOT
    The event that the target gets, in the form of an event of a bus:
    source, detail_type: fields of that name.
    detail: its detail as JSON. Scheduler fills in context attributes, such as <aws.scheduler.scheduled-time>.
  EOT
  type = object({
    source      = string
    detail_type = string
    detail      = optional(string, "{}")
  })

  validation {
    condition     = can(keys(jsondecode(var.event.detail)))
    error_message = "event.detail is a JSON object, such as jsonencode({ day = \"<aws.scheduler.scheduled-time>\" })."
  }
}

variable "retry" {
  description = "How long and how often Scheduler calls the target before the event goes to the undelivered queue."
  type = object({
    maximum_event_age_seconds = optional(number, 86400)
    maximum_attempts          = optional(number, 185)
  })
  default = {}

  validation {
    condition     = var.retry.maximum_event_age_seconds >= 60 && var.retry.maximum_event_age_seconds <= 86400
    error_message = "maximum_event_age_seconds is 60 to 86400 (a day)."
  }

  validation {
    condition     = var.retry.maximum_attempts >= 0 && var.retry.maximum_attempts <= 185
    error_message = "maximum_attempts is 0 to 185."
  }
}

variable "role" {
  description = "IAM path and permissions boundary of the schedule's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the schedule or its undelivered queue fires or clears."
  type        = list(string)
  default     = []
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "tags" {
  description = "Tags in addition to the provider's default tags. Scheduler keeps tags of groups, not of schedules."
  type        = map(string)
  default     = {}
}
