variable "name" {
  description = "Beginning of the names of the queue and the alarms."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,68}$", var.name))
    error_message = "The name has 1 to 68 letters, digits, hyphens or underscores, because the queue adds its own end."
  }
}

variable "table" {
  description = "The table: its name, its ARN, and the ARN of its stream, as the outputs of modules/table."
  type        = object({ name = string, arn = string, stream_arn = string })
}

variable "function" {
  description = "The function that gets the records: its name, the ARN of its alias, and its role, as the outputs of modules/lambda_function."
  type        = object({ name = string, alias_arn = string, role_name = string })
}

variable "filters" {
  description = "Patterns as JSON, such as jsonencode({ eventName = [\"INSERT\"] }); records that match none are dropped. Without a pattern the function gets all."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.filters) <= 5 && alltrue([for filter in var.filters : can(keys(jsondecode(filter)))])
    error_message = "filters are at most five patterns, each a JSON object."
  }
}

variable "batch" {
  description = <<-EOT
    How records are put together for one invocation:
    size: most records.
    window_seconds: seconds to wait for more of them.
    parallelization: invocations at once for each shard; records of one key stay in order.
  EOT
  type = object({
    size            = optional(number, 10)
    window_seconds  = optional(number, 0)
    parallelization = optional(number, 1)
  })
  default = {}

  validation {
    condition     = var.batch.size >= 1 && var.batch.size <= 10000
    error_message = "batch.size is 1 to 10000."
  }

  validation {
    condition     = var.batch.window_seconds >= 0 && var.batch.window_seconds <= 300
    error_message = "batch.window_seconds is 0 to 300."
  }

  validation {
    condition     = var.batch.parallelization >= 1 && var.batch.parallelization <= 10
    error_message = "batch.parallelization is 1 to 10."
  }
}

variable "failures" {
  description = <<-EOT
    Limits for records that the function fails on, after which they go to the undelivered queue:
    maximum_retries: how often a batch is repeated.
    maximum_age_seconds: age of a record.
    bisect: whether a batch on which the function fails is split, to find the bad record.
  EOT
  type = object({
    maximum_retries     = optional(number, 5)
    maximum_age_seconds = optional(number, 43200)
    bisect              = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.failures.maximum_retries >= 0 && var.failures.maximum_retries <= 10000
    error_message = "failures.maximum_retries is 0 to 10000. Without a limit a bad record would stop the stream for a day."
  }

  validation {
    condition     = var.failures.maximum_age_seconds >= 60 && var.failures.maximum_age_seconds <= 86400
    error_message = "failures.maximum_age_seconds is 60 to 86400; the stream keeps records for a day."
  }
}

variable "starting_position" {
  description = "Where the first read begins: TRIM_HORIZON at the oldest record, so that none is missed, or LATEST."
  type        = string
  default     = "TRIM_HORIZON"

  validation {
    condition     = contains(["TRIM_HORIZON", "LATEST"], var.starting_position)
    error_message = "starting_position is TRIM_HORIZON or LATEST."
  }
}

variable "alarm" {
  description = "Seconds that a record may wait without an alarm."
  type        = object({ late_seconds = optional(number, 300) })
  default     = {}

  validation {
    condition     = var.alarm.late_seconds >= 1
    error_message = "alarm.late_seconds is 1 or more."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm fires or clears."
  type        = list(string)
  default     = []
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
