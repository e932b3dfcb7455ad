variable "name" {
  description = "Name of the key, which is its alias."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9/_-]+$", var.name)) && !startswith(var.name, "aws/")
    error_message = "A key's name holds letters, digits, hyphens, underscores and slashes, and does not begin with aws/."
  }
}

variable "description" {
  description = "The data that the key encrypts."
  type        = string
}

variable "policy" {
  description = "Policy, as JSON, of who encrypts and decrypts with the key, and through what; who administers it is added."
  type        = string
}

variable "deletion_days" {
  description = "Days in which a deleted key can be brought back, and what it encrypted with it."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "deletion_days is 7 to 30."
  }
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
