variable "platform" {
  description = "What the environment's flows have in common: the beginning of every name; the environment's name, which is also its APIs' stage; the bus; the release's packages by name; while a release is tried, the version of each function that keeps the callers and the share of the new one; how states repeat calls; logs; roles; the days in which a deleted secret comes back; the local emulator's URL; who hears of alarms."
  type = object({
    name_prefix          = string
    environment          = string
    event_bus            = object({ name = string, arn = string })
    packages             = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))
    canaries             = map(object({ stable_version = string, percent = number }))
    retry                = object({ interval_seconds = number, max_attempts = number, backoff_rate = number, max_delay_seconds = number })
    logs                 = object({ retention_days = number, level = string, execution_data = bool })
    role                 = object({ path = string, permissions_boundary = string })
    secret_recovery_days = number
    emulator_endpoint    = optional(string)
    alarm_actions        = list(string)
  })
}

variable "flow" {
  description = "Name of the flow, which is also its package's, and the Python package's that holds its functions."
  type        = string

  validation {
    condition     = contains(keys(var.platform.packages), var.flow)
    error_message = "The flow's package, of the same name, is not in the release. Type 'make package'."
  }
}

variable "description" {
  description = "What the rule starts, and when."
  type        = string
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
  description = "Path of the state machine's template, and what it is filled with beside 'functions' (ARNs by state), 'retry' and 'service_errors'."
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

variable "failed" {
  description = "The queue of what failed: the end of its name, and what its alarm tells the operator to do."
  type        = object({ name = string, description = string })
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation of a step function is ended."
  type        = number
  default     = 30
}
