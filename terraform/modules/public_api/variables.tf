variable "platform" {
  description = "What the environment's flows have in common, as far as an API and a function need it; see event_flow."
  type = object({
    name_prefix       = string
    environment       = string
    packages          = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))
    canaries          = map(object({ stable_version = string, percent = number }))
    logs              = object({ retention_days = number, level = string })
    role              = object({ path = string, permissions_boundary = string })
    emulator_endpoint = optional(string)
    alarm_actions     = list(string)
  })
}

variable "flow" {
  description = "Name of the flow, which is also its package's, and the Python package's that holds the function."
  type        = string

  validation {
    condition     = contains(keys(var.platform.packages), var.flow)
    error_message = "The flow's package, of the same name, is not in the release. Type 'make package'."
  }
}

variable "throttle" {
  description = "Requests per second, and at once, that the API takes of all callers together."
  type        = object({ rate = number, burst = number })
}

variable "openapi" {
  description = "Path of the API's template, and what it is filled with beside 'title' and 'invoke_uri', the function's."
  type        = object({ template = string, variables = optional(any, {}) })
}

variable "function" {
  description = "The function behind the API: the module of the package that holds the handler, what it does, the seconds after which an invocation is ended, its variables and its rights."
  type = object({
    module          = string
    description     = string
    timeout_seconds = number
    environment     = map(string)
    statements      = map(object({ actions = list(string), resources = list(string) }))
  })

  validation {
    condition     = var.function.timeout_seconds < 29
    error_message = "function.timeout_seconds is below 29, after which API Gateway gives up."
  }
}
