variable "name" {
  description = "Name of the table."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "A table's name has 3 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "keys" {
  description = "Names of the attributes, both texts, by which an item is found: the partition key, and within it the sort key."
  type        = object({ partition = string, sort = optional(string) })
}

variable "deletion_protection" {
  description = "Refuse to delete the table."
  type        = bool
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the table fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
