variable "name" {
  description = "Name of the table."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "A table's name has 3 to 255 letters, digits, underscores, dots and hyphens."
  }
}

variable "keys" {
  description = "Names of the attributes by which an item is found: the partition key, and within it the sort key."
  type        = object({ partition = string, sort = optional(string) })
}

variable "number_keys" {
  description = "Attributes among the keys of the table and its indexes that are numbers; the others are texts."
  type        = set(string)
  default     = []

  validation {
    condition = length(setsubtract(var.number_keys, compact(concat(
      [var.keys.partition, var.keys.sort],
      flatten([for index in values(var.indexes) : [index.partition, index.sort]]),
    )))) == 0
    error_message = "number_keys may name keys of the table and its indexes only. Remove the others, which need no type."
  }
}

variable "indexes" {
  description = <<-EOT
    Further keys by which items are found, by the name of the index, which lags behind the table by moments:
    partition: attribute of the partition key.
    sort: attribute of the sort key.
    whole_items: whether the index holds all attributes of the items, or only their keys.
  EOT
  type = map(object({
    partition   = string
    sort        = optional(string)
    whole_items = optional(bool, false)
  }))
  default = {}
}

variable "stream" {
  description = "Content of the stream of the table's changes: KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES; null for no stream."
  type        = string
  default     = null

  validation {
    condition     = var.stream == null ? true : contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], var.stream)
    error_message = "stream is KEYS_ONLY, NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES or null."
  }
}

variable "ttl_attribute" {
  description = "Attribute with the time, in seconds since 1970, after which DynamoDB deletes an item, within days; null to keep items."
  type        = string
  default     = null
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
