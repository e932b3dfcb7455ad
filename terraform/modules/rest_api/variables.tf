variable "name" {
  description = "Name of the API, its usage plan and its secret."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.name))
    error_message = "An API's name has 1 to 80 letters, digits, hyphens or underscores."
  }
}

variable "body" {
  description = "OpenAPI 3.0.1 document as YAML, with API Gateway's extensions."
  type        = string

  validation {
    condition     = can(yamldecode(var.body)) && try(yamldecode(var.body).openapi == "3.0.1", false)
    error_message = "The body is not an OpenAPI 3.0.1 document in YAML (openapi: \"3.0.1\", in quotation marks)."
  }

  validation {
    condition = try(alltrue(flatten([
      for path, operations in yamldecode(var.body).paths : [
        for method, operation in operations : length(operation.security) >= (var.usage_plan == null ? 0 : 1) && alltrue([
          for requirement in operation.security : (var.usage_plan != null) == anytrue([
            for scheme in keys(requirement) : yamldecode(var.body).components.securitySchemes[scheme].name == "x-api-key"
          ])
        ])
      ]
    ])), false)
    error_message = "Every operation of the document needs a 'security' entry, which requires the header x-api-key; those of a public API say 'security: []', so that it is meant, or name another scheme, which their function checks."
  }
}

variable "stage" {
  description = "Name of the stage, which is part of the API's URL."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.stage))
    error_message = "A stage's name has letters, digits, hyphens and underscores only."
  }
}

variable "throttle" {
  description = "Requests per second, and requests at once, for the whole stage and, where there are keys, for each."
  type        = object({ rate = number, burst = number })

  validation {
    condition     = var.throttle.rate > 0 && var.throttle.burst >= 1
    error_message = "throttle.rate is above 0 and throttle.burst is 1 or more, or the API refuses every call."
  }
}

variable "usage_plan" {
  description = "Limits of each API key: calls a month, null for any number. Null for a public API, which has no keys."
  type        = object({ quota_per_month = optional(number) })
  default     = null

  validation {
    condition     = try(var.usage_plan.quota_per_month, null) == null ? true : var.usage_plan.quota_per_month >= 1
    error_message = "usage_plan.quota_per_month is 1 or more, or null for no limit."
  }
}

variable "api_key" {
  description = "Name and alias of the function that issues the API key; raise `generation` to have a new key. Null for a public API."
  type        = object({ issuer = string, issuer_alias = string, generation = optional(number, 1) })
  default     = null

  validation {
    condition     = (var.api_key == null) == (var.usage_plan == null)
    error_message = "api_key and usage_plan go together; a public API has neither."
  }
}

variable "policy" {
  description = "Resource policy of the API as JSON, whose resources are execute-api:/<stage>/<METHOD>/<path>; null for none, as for an API that only its own account calls with signatures."
  type        = string
  default     = null

  validation {
    condition     = var.policy == null || can(jsondecode(var.policy).Statement)
    error_message = "policy is a policy document in JSON, such as that of aws_iam_policy_document."
  }
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes it at once."
  type        = number
  default     = 30

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days is 0, or 7 to 30."
  }
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

variable "alarm" {
  description = "Raise an alarm when more than this share of the calls is refused for another reason than its content, or the 95th percentile of the latency is above this, for 15 minutes; each 5XX raises one at once."
  type = object({
    client_error_share = optional(number, 0.1)
    latency_seconds    = optional(number, 10)
  })
  default = {}

  validation {
    condition     = var.alarm.client_error_share > 0 && var.alarm.client_error_share < 1
    error_message = "alarm.client_error_share is above 0 and below 1: 0.1 is one call of ten."
  }

  validation {
    condition     = var.alarm.latency_seconds > 0 && var.alarm.latency_seconds < 29
    error_message = "alarm.latency_seconds is above 0 and below 29, after which API Gateway gives up."
  }
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
