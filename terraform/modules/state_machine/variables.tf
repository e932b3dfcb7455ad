variable "name" {
  description = "Name of the state machine, its role and its log group."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "The name has 1 to 64 letters, digits, hyphens and underscores (a role's name takes no more)."
  }
}

variable "definition" {
  description = "The state machine in Amazon States Language, rendered from its template."
  type        = string

  validation {
    condition     = can(jsondecode(var.definition).States)
    error_message = "definition is not a JSON object with 'States'. Render the template with 'terraform console' to see it."
  }
}

variable "type" {
  description = "STANDARD, or EXPRESS for at most five minutes at a lower price."
  type        = string
  default     = "STANDARD"

  validation {
    condition     = contains(["STANDARD", "EXPRESS"], var.type)
    error_message = "type is STANDARD or EXPRESS."
  }
}

variable "runtime_targets" {
  description = "ARNs that a task may call when the definition computes its target at run time, by state and argument, such as { Invoke = { FunctionName = [...] } }."
  type        = map(map(list(string)))
  default     = {}

  validation {
    condition = alltrue(flatten([
      for arguments in values(var.runtime_targets) : [
        for arns in values(arguments) : length(arns) > 0 && alltrue([for arn in arns : can(regex("^arn:[^*? ]+$", arn))])
      ]
    ]))
    error_message = "runtime_targets lists at least one ARN for each argument, without a wildcard."
  }
}

variable "logs" {
  description = "How long the log is kept, in days, and whether it holds the states' inputs and outputs (personal data)."
  type = object({
    retention_days = number
    execution_data = optional(bool, false)
  })
}

variable "role" {
  description = "IAM path and permissions boundary of the state machine's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
