variable "name" {
  description = "Name of the topic, and the beginning of the names of its key and its undelivered queue."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,68}$", var.name))
    error_message = "A topic's name has 1 to 68 letters, digits, hyphens or underscores, because its queue adds its own end."
  }
}

variable "publishers" {
  description = <<-EOT
    AWS services that may publish, for this account only; the key becomes part of the statement's sid:
    service: principal of the service, such as s3.amazonaws.com.
    source_arn: ARN, or pattern of ARNs, for which it publishes.
    names_source: whether the service always names that ARN in its requests.
  EOT
  type = map(object({
    service      = string
    source_arn   = string
    names_source = optional(bool, true)
  }))
  default = {}

  validation {
    condition     = alltrue([for key in keys(var.publishers) : can(regex("^[A-Za-z0-9]+$", key))])
    error_message = "The keys of publishers may hold letters and digits only, as they become part of a statement's sid."
  }
}

variable "encrypted" {
  description = "Whether messages are encrypted: with a key of the topic if services publish to it, else with the key that AWS manages for SNS."
  type        = bool
  default     = true
}

variable "queues" {
  description = <<-EOT
    Queues that get the messages, by any name; each must allow the topic as a sender:
    arn: ARN of the queue.
    raw: whether it gets the message alone, or within SNS's envelope.
    filter: filter policy as JSON; null for all messages.
  EOT
  type = map(object({
    arn    = string
    raw    = optional(bool, true)
    filter = optional(string)
  }))
  default = {}
}

variable "functions" {
  description = <<-EOT
    Functions that get the messages, by a name that no queue has:
    alias_arn: ARN of the function's alias.
    filter: filter policy as JSON; null for all messages.
  EOT
  type = map(object({
    alias_arn = string
    filter    = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.functions), keys(var.queues))) == 0
    error_message = "A queue and a function of the topic have the same name. Rename one."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the topic or its undelivered queue fires or clears."
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
