variable "name" {
  description = "Name of the flow's rule and state machine, and the beginning of every other name."
  type        = string
}

variable "description" {
  description = "What the rule starts, and when."
  type        = string
}

variable "event_bus" {
  description = "Bus on which events arrive and failures are told."
  type        = object({ name = string, arn = string })
}

variable "pattern" {
  description = "Sources and detail-types of the events that start the state machine."
  type        = object({ sources = list(string), detail_types = list(string) })

  validation {
    condition     = length(var.pattern.sources) > 0 && length(var.pattern.detail_types) > 0
    error_message = "Give at least one source and one detail-type, or the rule would match every event."
  }
}

variable "definition" {
  description = "Path of the state machine's template, and what it is filled with beside 'functions' (ARNs by state) and 'retry'."
  type        = object({ template = string, variables = optional(any, {}) })
}

variable "step_functions" {
  description = "Functions of the states, by state: the module of the package that holds the handler, what it does, its variables and its rights. CatchErrors is there already; the package must have a module catch_errors."
  type = map(object({
    module      = string
    description = string
    environment = optional(map(string), {})
    statements  = optional(map(object({ actions = list(string), resources = list(string) })), {})
  }))

  validation {
    condition     = !contains(keys(var.step_functions), "CatchErrors")
    error_message = "CatchErrors is this module's: leave it out of step_functions."
  }
}

variable "package" {
  description = "Lambda package of the step functions; its name is the Python package that holds their modules."
  type        = object({ name = string, bucket = string, key = string, sha256_base64 = string })
}

variable "failed" {
  description = "The queue of what failed: the end of its name, and what its alarm tells the operator to do."
  type        = object({ name = string, description = string })
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation of a step function is ended."
  type        = number
  default     = 30
}

variable "retry" {
  description = "How a state repeats a call that may work later: first wait, repetitions, growth of the wait, longest wait."
  type = object({
    interval_seconds  = optional(number, 2)
    max_attempts      = optional(number, 6)
    backoff_rate      = optional(number, 2)
    max_delay_seconds = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.retry.interval_seconds >= 1 && var.retry.max_attempts >= 0 && var.retry.backoff_rate >= 1 && var.retry.max_delay_seconds > var.retry.interval_seconds
    error_message = "retry takes a first wait of 1 s or more, 0 or more repetitions, a growth of 1 or more, and a longest wait above the first."
  }
}

variable "canaries" {
  description = "While a release is tried: the version of each function, by name, that keeps the callers, and the percentage that the new one gets."
  type        = map(object({ stable_version = string, percent = number }))
  default     = {}
}

variable "logs" {
  description = "Days that logs are kept, the level from which functions log, and whether the state machine logs inputs and outputs (personal data)."
  type        = object({ retention_days = number, level = string, execution_data = bool })
}

variable "role" {
  description = "IAM path and permissions boundary of every role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "ARNs that hear of the alarms, and of their end."
  type        = list(string)
  default     = []
}

variable "plain_http" {
  description = "Let callers reach the queues without TLS; for the local emulator only."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags beside the provider's default tags."
  type        = map(string)
  default     = {}
}
