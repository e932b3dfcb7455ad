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
    error_message = "definition is no JSON object with 'States'; look at the rendered template with 'terraform console'."
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
  description = "ARNs that hear of the state machine's alarms, and of their end."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags beside the provider's default tags."
  type        = map(string)
  default     = {}
}
