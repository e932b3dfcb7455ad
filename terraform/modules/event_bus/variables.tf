variable "name" {
  description = "Name of the bus and of its archive, and the beginning of the audit log's."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,58}$", var.name)) && var.name != "default"
    error_message = "The name has 1 to 58 letters, digits, hyphens or underscores, which leaves room for the audit's; 'default' is AWS's own bus."
  }
}

variable "archive_days" {
  description = "Days that the archive keeps an event, and the audit log at least."
  type        = number

  validation {
    condition     = var.archive_days >= 1 && var.archive_days == floor(var.archive_days)
    error_message = "archive_days is a whole number of days, 1 or more: personal data must not be kept for ever."
  }

  validation {
    condition     = var.archive_days <= 3653
    error_message = "archive_days is 3653 (ten years) at most: CloudWatch keeps the audit log no longer."
  }
}

variable "whole_events" {
  description = "Days that a second audit log keeps whole events, encrypted with a key of its own, where compliance asks for them; null for none."
  type        = object({ days = number })
  default     = null

  validation {
    condition     = var.whole_events == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.whole_events.days)
    error_message = "whole_events.days is a retention that CloudWatch has, such as 30, 365 or 3653, or whole_events is null."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the audit log's rule fires or clears."
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
