variable "name" {
  description = "Name of the bucket, which no other account may have."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the bucket while it holds objects."
  type        = bool
}

variable "old_versions_days" {
  description = "Days in which an object that was replaced or deleted can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1
    error_message = "old_versions_days is 1 or more."
  }
}

variable "sends_events" {
  description = "Whether S3 sends events of the bucket's objects to the account's default bus."
  type        = bool
  default     = false
}

variable "lifecycle_rules" {
  description = <<-EOT
    Rules for some of the objects, by name, in addition to old_versions_days for all:
    prefix: beginning of the keys; null for all.
    tags: tags that the objects have.
    move_after_days: days after which an object moves, by storage class, such as { GLACIER_IR = 30 }.
    delete_after_days: days after which an object is deleted.
    move_old_versions_after_days: as move_after_days, counted from the replacement or deletion.
    delete_old_versions_after_days: days after the replacement or deletion.
  EOT
  type = map(object({
    prefix                         = optional(string)
    tags                           = optional(map(string), {})
    move_after_days                = optional(map(number), {})
    delete_after_days              = optional(number)
    move_old_versions_after_days   = optional(map(number), {})
    delete_old_versions_after_days = optional(number)
  }))
  default = {}

  validation {
    condition = alltrue([
      for rule in values(var.lifecycle_rules) :
      length(rule.move_after_days) + length(rule.move_old_versions_after_days) > 0 || rule.delete_after_days != null || rule.delete_old_versions_after_days != null
    ])
    error_message = "Each of lifecycle_rules moves or deletes something. Give it days, or remove it."
  }

  validation {
    condition = alltrue([
      for class in flatten([for rule in values(var.lifecycle_rules) : concat(keys(rule.move_after_days), keys(rule.move_old_versions_after_days))]) :
      contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], class)
    ])
    error_message = "Objects move to STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE."
  }

  validation {
    condition = alltrue(flatten([
      for rule in values(var.lifecycle_rules) : [for class in ["STANDARD_IA", "ONEZONE_IA"] : [
        for days in [rule.move_after_days, rule.move_old_versions_after_days] : lookup(days, class, 30) >= 30
      ]]
    ]))
    error_message = "S3 moves objects to STANDARD_IA and ONEZONE_IA after 30 days at the earliest."
  }
}

variable "policies" {
  description = "Policies, as JSON, that admit services in addition to the roles; the statement that refuses plain HTTP is added."
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
