variable "name" {
  description = "Name of the bus and of its archive."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,256}$", var.name)) && var.name != "default"
    error_message = "A bus's name has 1 to 256 letters, digits, dots, hyphens or underscores; 'default' is AWS's own bus."
  }
}

variable "archive_days" {
  description = "Days that the archive keeps an event."
  type        = number

  validation {
    condition     = var.archive_days >= 1 && var.archive_days == floor(var.archive_days)
    error_message = "archive_days is a whole number of days, 1 or more: personal data must not be kept for ever."
  }
}

variable "tags" {
  description = "Tags beside the provider's default tags."
  type        = map(string)
  default     = {}
}
