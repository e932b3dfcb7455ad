variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "flow" {
  description = "Name of the flow, of its package and of the Python package that holds the function."
  type        = string

  validation {
    condition     = contains(keys(var.platform.packages), var.flow)
    error_message = "The release has no package ${var.flow}, which the flow needs. Type 'make package'."
  }
}

variable "name" {
  description = "Beginning of the names of the API and its function, after the environment's; null for the flow's name."
  type        = string
  default     = null
}

variable "throttle" {
  description = "Requests per second, and at once, that the API takes of all callers together."
  type        = object({ rate = number, burst = number })
}

variable "firewall" {
  description = "Requests that one address may make within so many seconds; null for no such bound."
  type        = object({ requests = number, seconds = optional(number, 300) })
  default     = null
}

variable "openapi" {
  description = "Path of the API's template, and its variables in addition to 'title', 'region', 'stage' and the function's 'invoke_uri'."
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
