variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "flow" {
  description = "Name of the flow, of its package and of the Python package that holds its functions."
  type        = string

  validation {
    condition     = contains(keys(var.platform.packages), var.flow)
    error_message = "The release has no package ${var.flow}, which the flow needs. Type 'make package'."
  }
}

variable "name" {
  description = "Name of the workflow within its flow; all but main add it to the flow's name."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", var.name))
    error_message = "A workflow's name has lower-case letters and digits, words separated by one underscore."
  }
}

variable "type" {
  description = "STANDARD, or EXPRESS for at most five minutes at a lower price."
  type        = string
  default     = "STANDARD"
}

variable "definition" {
  description = <<-EOT
    The state machine:
    template: path of its template, which also gets functions (ARNs by state), retry and service_errors.
    variables: more values for the template.
  EOT
  type        = object({ template = string, variables = optional(any, {}) })
}

variable "task_functions" {
  description = <<-EOT
    Functions that states call, by state; CatchErrors is added:
    module: module of the package that holds the handler.
    description: what the function does.
    environment: environment variables.
    statements: rights, by the purpose of each.
  EOT
  type = map(object({
    module      = string
    description = string
    environment = optional(map(string), {})
    statements  = optional(map(object({ actions = list(string), resources = list(string) })), {})
  }))
  default = {}

  validation {
    condition     = !contains(keys(var.task_functions), "CatchErrors")
    error_message = "modules/workflow adds CatchErrors. Remove it from task_functions."
  }
}

variable "failed" {
  description = <<-EOT
    The queue of failed events:
    name: end of its name.
    description: what its alarm asks the operator to do.
    module: module of the package that holds the handler of CatchErrors.
  EOT
  type        = object({ name = string, description = string, module = optional(string, "catch_errors") })
}

variable "business_errors" {
  description = "Permanent errors that the events cause, by name, such as InvalidOrder: they raise an alarm only as a share of the executions. Every other error raises one at once."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.business_errors : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "business_errors are names of errors, as the state machine gets them from its functions or sets them itself."
  }

  validation {
    condition     = length(join("", var.business_errors)) + 20 * length(var.business_errors) <= 800
    error_message = "business_errors are too long for the pattern of a metric filter, which has 1,024 characters. Give several of them one name."
  }
}

variable "runtime_targets" {
  description = "ARNs that a task may call when the definition computes its target at run time, by state and argument."
  type        = map(map(list(string)))
  default     = {}
}

variable "statements" {
  description = "Rights that services use in the name of the state machine's role, by the purpose of each, such as the tables of a query."
  type        = map(object({ actions = list(string), resources = list(string) }))
  default     = {}
}

variable "timeout_seconds" {
  description = "Timeout of each task function, in seconds."
  type        = number
  default     = 30
}
