variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "flow" {
  description = "Name of the flow that the call belongs to."
  type        = string
}

variable "name" {
  description = "Name of the call within its flow, added to the flow's name."
  type        = string
  default     = "call"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", var.name))
    error_message = "A call's name has lower-case letters and digits, words separated by one underscore."
  }
}

variable "call" {
  description = <<-EOT
    The task that starts a job, from $request.action, $request.payload and $request.token:
    resource: the integration, such as arn:aws:states:::lambda:invoke.
    arguments: its arguments, with JSONata expressions.
    output: expression of what the poll needs to know of the job, which is $job there.
    timeout_seconds: seconds until one attempt counts as failed.
    started_errors: errors that say that the job began before, such as Transcribe.ConflictException.
  EOT
  type = object({
    resource        = string
    arguments       = any
    output          = optional(string, "{% $states.result %}")
    timeout_seconds = optional(number, 60)
    started_errors  = optional(list(string), [])
  })
}

variable "poll" {
  description = <<-EOT
    The task that looks at the job, from $job and $request:
    resource: the integration.
    arguments: its arguments, with JSONata expressions.
    output: expression of { status, result, resultLocation, cause, retryAfterSeconds }; status is running, succeeded or failed.
    timeout_seconds: seconds until one attempt counts as failed.
  EOT
  type = object({
    resource        = string
    arguments       = any
    output          = optional(string, "{% $states.result %}")
    timeout_seconds = optional(number, 60)
  })
}

variable "cancel" {
  description = <<-EOT
    The task that cancels a job, from $request; null for a service that cannot cancel:
    resource: the integration.
    arguments: its arguments, with JSONata expressions.
    timeout_seconds: seconds until one attempt counts as failed.
    ended_errors: errors that say that there is nothing to cancel.
  EOT
  type = object({
    resource        = string
    arguments       = any
    timeout_seconds = optional(number, 60)
    ended_errors    = optional(list(string), [])
  })
  default = null
}

variable "transient_errors" {
  description = "Errors of the three tasks after which the same attempt may succeed, in addition to those of Lambda."
  type        = list(string)
  default     = []
}

variable "limits" {
  description = <<-EOT
    Limits of a call; its input may lower the first three:
    wait_seconds: the first wait for the job.
    deadline_seconds: seconds until a job that is not ready fails the call.
    max_errors: errors in a row that the call survives.
    max_wait_seconds: the longest wait.
    wait_growth: factor from one wait to the next.
  EOT
  type = object({
    wait_seconds     = optional(number, 15)
    deadline_seconds = optional(number, 3600)
    max_errors       = optional(number, 10)
    max_wait_seconds = optional(number, 60)
    wait_growth      = optional(number, 1.5)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.limits.wait_seconds >= 1 && var.limits.wait_seconds <= var.limits.max_wait_seconds &&
      var.limits.wait_growth >= 1 && var.limits.max_errors >= 0
    )
    error_message = "limits.wait_seconds is 1 or more, and at most limits.max_wait_seconds; wait_growth is 1 or more, and max_errors 0 or more."
  }

  # A round of Wait, Poll and Decide has nine events, and a wait may be half as long as its limit.
  validation {
    condition     = var.limits.deadline_seconds * 2 * 9 <= var.limits.max_wait_seconds * 20000
    error_message = "limits.deadline_seconds is more than 1,111 of limits.max_wait_seconds, so the history could outgrow its 25,000 events. Raise max_wait_seconds."
  }
}

variable "runtime_targets" {
  description = "ARNs that a task may call when its target is computed at run time, by state (Call, Poll, Cancel) and argument."
  type        = map(map(list(string)))
  default     = {}
}
