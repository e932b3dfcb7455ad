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

variable "statements" {
  description = "Rights that services use in the name of the role, in addition to those of the calls, by the purpose of each; such as the tables of a query."
  type        = map(object({ actions = list(string), resources = list(string) }))
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.statements) : can(regex("^[A-Za-z0-9]+$", key))])
    error_message = "The keys of statements may hold letters and digits only, as they become sids."
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

variable "alarm_on_failure" {
  description = "Raise an alarm for each failed execution; false where another one counts them by error, as in modules/workflow."
  type        = bool
  default     = true
}

variable "canary" {
  description = "While a release is tried: the version that most executions start with, and the percentage that start with the new one, 0 to keep it unused; null for the new one alone."
  type        = object({ stable_version = string, percent = number })
  default     = null

  validation {
    condition     = var.canary == null ? true : contains(range(51), var.canary.percent)
    error_message = "A canary's percent is a whole number up to 50."
  }
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
