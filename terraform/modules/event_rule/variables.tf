variable "name" {
  description = "Name of the rule, and the beginning of the names of its role and undelivered queue."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A rule's name has 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "description" {
  description = "Purpose of the rule."
  type        = string
}

variable "event_bus_name" {
  description = "Name of the bus whose events the rule matches."
  type        = string
}

variable "pattern" {
  description = "Event pattern as JSON."
  type        = string

  validation {
    condition     = can(keys(jsondecode(var.pattern))) && try(length(jsondecode(var.pattern)) > 0, false)
    error_message = "The pattern is a JSON object with at least one field, such as jsonencode({ source = [\"my.source\"] })."
  }
}

variable "target_arn" {
  description = "ARN of the state machine, queue, function, log group or bus that gets the events."
  type        = string

  validation {
    condition     = can(regex("^arn:[^:]+:(states|sqs|lambda|logs|events):", var.target_arn))
    error_message = "The target is the ARN of a state machine, a queue, a function, a log group or a bus."
  }
}

variable "input" {
  description = "Input of the target instead of the event: values by name, each with its path in the event, and the template that they fill; null for the whole event."
  type        = object({ paths = map(string), template = string })
  default     = null
}

variable "retry" {
  description = "How long and how often EventBridge tries to deliver an event before it goes to the undelivered queue."
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
  description = "IAM path and permissions boundary of the rule's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the rule or its undelivered queue fires or clears."
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
