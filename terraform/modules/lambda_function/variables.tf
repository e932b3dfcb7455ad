variable "name" {
  description = "Name of the function and of its role; shortened with a digest when AWS would refuse its length."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.name))
    error_message = "A function's name holds letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "Purpose of the function."
  type        = string

  validation {
    condition     = length(var.description) <= 256
    error_message = "A function's description has 256 characters at most."
  }
}

variable "package" {
  description = "The zip of the function: its name, its place in S3, and its SHA-256 in base64."
  type        = object({ name = string, bucket = string, key = string, sha256_base64 = string })

  validation {
    condition     = can(regex("^[A-Za-z0-9+/]{43}=$", var.package.sha256_base64))
    error_message = "sha256_base64 is not a SHA-256 in base64. Take it from the manifest of 'make package'."
  }
}

variable "handler" {
  description = "Module and function in the zip, such as order_intake.receive_event.handler."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_]+(\\.[a-z0-9_]+)+$", var.handler))
    error_message = "The handler is a dotted path, such as order_intake.receive_event.handler."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation is ended."
  type        = number
  default     = 30

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "A function's timeout is 1 to 900 seconds."
  }
}

variable "memory_mb" {
  description = "Memory in MB; the share of a processor grows with it."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "A function's memory is 128 to 10240 MB."
  }
}

variable "reserved_concurrency" {
  description = "How many invocations may run at once; null for no limit but the account's."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 1
    error_message = "reserved_concurrency is 1 or more, or null; 0 would keep the function from running."
  }
}

variable "canaries" {
  description = "While a release is tried: the version of each function, by name, that keeps the callers, and the percentage of them that the new one gets. A function that is not named gets all of its own."
  type        = map(object({ stable_version = string, percent = number }))
  default     = {}

  validation {
    condition     = alltrue([for canary in values(var.canaries) : canary.percent >= 1 && canary.percent <= 50])
    error_message = "A canary's percent is 1 to 50."
  }
}

variable "environment" {
  description = "Environment variables; never a secret, only the ARN of one."
  type        = map(string)
  default     = {}

  validation {
    condition     = !contains(keys(var.environment), "LOG_LEVEL")
    error_message = "LOG_LEVEL comes from logs.level."
  }
}

variable "statements" {
  description = "Rights of the function in addition to its logs and traces; the key is the statement's sid and names its purpose."
  type        = map(object({ actions = list(string), resources = list(string) }))
  default     = {}

  validation {
    condition     = alltrue([for sid in keys(var.statements) : can(regex("^[A-Za-z0-9]+$", sid))])
    error_message = "A statement's key is its sid: letters and digits only."
  }

  validation {
    condition     = alltrue(flatten([for s in values(var.statements) : [for action in s.actions : can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))]]))
    error_message = "Actions are written out (s3:GetObject), without a wildcard."
  }

  validation {
    condition     = alltrue(flatten([for s in values(var.statements) : [for resource in s.resources : resource != "*"]]))
    error_message = "A statement names its resources; '*' would give the function all of the account."
  }
}

variable "vpc" {
  description = "Subnets and security groups in which the function runs; null for outside of a VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "A function in a VPC needs at least one subnet and one security group."
  }
}

variable "logs" {
  description = "Days that logs are kept, and the level from which the function logs."
  type        = object({ retention_days = number, level = string })

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 or more days (see PutRetentionPolicy)."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.logs.level)
    error_message = "The log level is DEBUG, INFO, WARN or ERROR; alarms count lines of the level ERROR."
  }
}

variable "role" {
  description = "IAM path and permissions boundary of the function's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "business_errors" {
  description = "Exceptions that the data cause, by class name: they raise no alarm of the function. All others are technical."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.business_errors : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "business_errors are names of exception classes, without their module."
  }
}

variable "alarm" {
  description = "Raise an alarm when more than this many invocations fail or are throttled within 5 minutes, or one takes more than this share of the timeout."
  type = object({
    errors        = optional(number, 0)
    throttles     = optional(number, 0)
    timeout_share = optional(number, 0.8)
  })
  default = {}

  validation {
    condition     = var.alarm.errors >= 0 && var.alarm.throttles >= 0
    error_message = "alarm.errors and alarm.throttles are numbers of invocations, 0 or more."
  }

  validation {
    condition     = var.alarm.timeout_share > 0 && var.alarm.timeout_share < 1
    error_message = "alarm.timeout_share is above 0 and below 1; an invocation never takes longer than its timeout."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the function fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
