variable "name" {
  description = "Name of the rule, and the beginning of the names of its role and undelivered queue."
  type        = string
}

variable "patterns" {
  description = "Event patterns; each has a source, which begins with aws., and a detail-type."
  type        = any

  validation {
    condition = length(var.patterns) > 0 && alltrue([
      for pattern in var.patterns : try(
        length(pattern["detail-type"]) > 0 && length(pattern.source) > 0 && alltrue([for source in pattern.source : startswith(source, "aws.")]),
        false,
      )
    ])
    error_message = "Each pattern of aws_events has a source that begins with aws. and a detail-type, such as { source = [\"aws.s3\"], \"detail-type\" = [\"Object Created\"] }."
  }

  validation {
    condition     = length(jsonencode(var.patterns)) <= 2000
    error_message = "The patterns of aws_events have ${length(jsonencode(var.patterns))} characters, and a rule takes 2,048 with what joins them. Shorten them, or ask AWS for a higher quota of the pattern's size."
  }
}

variable "event_bus_arn" {
  description = "ARN of the bus that gets the events."
  type        = string
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
