variable "name" {
  description = "Name of the queue."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.name))
    error_message = "A queue's name has 1 to 80 letters, digits, hyphens or underscores; FIFO queues are not supported."
  }
}

variable "retention_days" {
  description = "Days that a message is kept."
  type        = number
  default     = 14

  validation {
    condition     = var.retention_days > 0 && var.retention_days <= 14
    error_message = "SQS keeps messages for 14 days at most; give a number of days above 0 and up to 14."
  }
}

variable "visibility_timeout_seconds" {
  description = "Seconds that a received message stays hidden from other receivers."
  type        = number
  default     = 60

  validation {
    condition     = var.visibility_timeout_seconds >= 0 && var.visibility_timeout_seconds <= 43200
    error_message = "The visibility timeout is 0 to 43200 seconds (12 hours)."
  }
}

variable "senders" {
  description = "AWS services that may send to the queue, each for one source ARN; the key becomes part of the statement's sid."
  type        = map(object({ service = string, source_arn = string }))
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.senders) : can(regex("^[A-Za-z0-9]+$", key))])
    error_message = "The keys of senders may hold letters and digits only, as they become part of a statement's sid."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the messages; null for keys that SQS manages."
  type        = string
  default     = null
}

variable "redrive" {
  description = "Where a message goes that was received too often, and how often that is; null for a queue that is an end."
  type        = object({ dead_letter_queue_arn = string, max_receive_count = number })
  default     = null

  validation {
    condition     = var.redrive == null ? true : var.redrive.max_receive_count >= 1 && var.redrive.max_receive_count <= 1000
    error_message = "max_receive_count is 1 to 1000."
  }
}

variable "alarm" {
  description = <<-EOT
    Alarms of the queue:
    at_once: whether an alarm fires as soon as more than more_than messages wait.
    more_than: messages that may wait without that alarm.
    older_than_hours: hours without an empty queue after which another alarm fires.
    description: the instruction to the operator.
  EOT
  type = object({
    at_once          = optional(bool, true)
    more_than        = optional(number, 0)
    older_than_hours = optional(number, 72)
    description      = string
  })

  validation {
    condition     = var.alarm.more_than >= 0
    error_message = "alarm.more_than is a number of messages, 0 or more."
  }

  validation {
    condition     = var.alarm.older_than_hours >= 1 && floor(var.alarm.older_than_hours) == var.alarm.older_than_hours && var.alarm.older_than_hours < min(var.retention_days * 24, 168)
    error_message = "alarm.older_than_hours is a whole number, below 168 (an alarm looks back at most a week) and shorter than retention_days, after which the message is gone."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the queue fires or clears."
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
