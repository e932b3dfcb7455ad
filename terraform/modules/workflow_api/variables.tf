variable "name" {
  description = "Name of the API, and the beginning of its role's."
  type        = string

  validation {
    condition     = length(var.name) <= 56
    error_message = "The name has 56 characters at most: the role's is longer, and may have 64."
  }
}

variable "description" {
  description = "Purpose of the API, for its document and the catalog of flows."
  type        = string
}

variable "openapi" {
  description = "Path of the API's template, without integrations, and its variables in addition to 'title', 'description', 'region' and 'stage'."
  type        = object({ template = string, variables = optional(any, {}) })
}

variable "targets" {
  description = <<-EOT
    Targets of the document's operations, by "METHOD /path". Each names one of the first four:
    execute: ARN of the alias of an Express state machine; the answer is the output of its execution.
    start: ARN of the alias of a Standard state machine; the answer is the ARN of the execution.
    describe: ARN of the state machine whose execution the parameter "name" names; the answer is its status.
    queue: ARN of the queue that gets the message; the answer is the message's id.
    execution_name: path in the body of the name of a started execution, such as $.id, so that a repeated request starts nothing twice; null for a random one.
    errors: status of the answer when an execution fails, by the error's name, and whether the answer has the error's cause; 500 for any other error.
  EOT
  type = map(object({
    execute        = optional(string)
    start          = optional(string)
    describe       = optional(string)
    queue          = optional(string)
    execution_name = optional(string)
    errors         = optional(map(object({ status = number, cause = optional(bool, false) })), {})
  }))

  validation {
    condition = alltrue([
      for target in values(var.targets) : length([for value in [target.execute, target.start, target.describe, target.queue] : value if value != null]) == 1
    ])
    error_message = "A target names one of execute, start, describe and queue."
  }

  validation {
    condition     = alltrue([for operation in keys(var.targets) : can(regex("^(GET|POST|PUT|PATCH|DELETE) /", operation))])
    error_message = "The keys of targets are operations, such as \"POST /orders\"."
  }

  validation {
    condition     = alltrue(flatten([for target in values(var.targets) : [for error in values(target.errors) : error.status >= 400 && error.status <= 599]]))
    error_message = "The status of an error is 400 to 599: a failed execution is not a success."
  }

  validation {
    condition     = alltrue([for target in values(var.targets) : target.execution_name == null || (target.start != null && can(regex("^\\$(\\.[A-Za-z_][A-Za-z0-9_]*)+$", target.execution_name)))])
    error_message = "execution_name is a path in the body, such as $.id, of an operation that starts a Standard state machine."
  }

  validation {
    condition     = alltrue(flatten([for target in values(var.targets) : [for name in keys(target.errors) : can(regex("^[A-Za-z][A-Za-z0-9_.]*$", name))]]))
    error_message = "The keys of errors are names of errors, as the state machine's Fail states have them."
  }
}

variable "callers" {
  description = <<-EOT
    Callers that the API's resource policy lets in, with signatures (AWS_IAM); null for no policy, as for an API with keys, or one that only roles of its own account call:
    principals: ARNs of roles or numbers of accounts.
    state_machines: ARNs of state machines, of any account, that call with AuthType RESOURCE_POLICY.
  EOT
  type        = object({ principals = optional(list(string), []), state_machines = optional(list(string), []) })
  default     = null

  validation {
    condition     = var.callers == null ? true : length(var.callers.principals) + length(var.callers.state_machines) > 0
    error_message = "callers names at least one principal or state machine, or is null."
  }

  validation {
    condition     = var.callers == null ? true : alltrue([for arn in var.callers.state_machines : can(regex("^arn:[^:*]+:states:[^:*]+:[0-9]{12}:stateMachine:[^:*]+$", arn))])
    error_message = "callers.state_machines are ARNs of state machines, without an alias and without a wildcard."
  }

  validation {
    condition     = var.callers == null ? true : alltrue([for principal in var.callers.principals : can(regex("^([0-9]{12}|arn:[^*]+)$", principal))])
    error_message = "callers.principals are ARNs or numbers of accounts, without a wildcard."
  }
}

variable "stage" {
  description = "Name of the stage, which is part of the API's URL."
  type        = string
}

variable "throttle" {
  description = "Requests per second, and at once, that the API takes of all callers together."
  type        = object({ rate = number, burst = number })
}

variable "usage_plan" {
  description = "Limits of each API key, as in modules/rest_api; null for an API without keys."
  type        = object({ quota_per_month = optional(number) })
  default     = null
}

variable "api_key" {
  description = "Function that issues the API key, as in modules/rest_api; null for an API without keys."
  type        = object({ issuer = string, issuer_alias = string, generation = optional(number, 1) })
  default     = null
}

variable "secret_recovery_days" {
  description = "Days in which the deleted secret of the API key can be restored."
  type        = number
  default     = 30
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "logs" {
  description = "Days that the access log is kept."
  type        = object({ retention_days = number })
}

variable "role" {
  description = "IAM path and permissions boundary of the API's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm" {
  description = "Share of refused calls and latency above which an alarm fires, as in modules/rest_api."
  type        = object({ client_error_share = optional(number, 0.1), latency_seconds = optional(number, 10) })
  default     = {}
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the API fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
