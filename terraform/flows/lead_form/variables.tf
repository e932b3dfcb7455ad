variable "name_prefix" {
  description = "Beginning of every name: <project>-<environment>."
  type        = string
}

variable "environment" {
  description = "Name of the environment, which is also the API's stage."
  type        = string
}

variable "event_bus" {
  description = "Bus on which leads are put."
  type        = object({ name = string, arn = string })
}

variable "packages" {
  description = "Lambda packages of the release by name: the place of each in S3, and its SHA-256."
  type        = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))

  validation {
    condition     = contains(keys(var.packages), "lead_form")
    error_message = "The package lead_form is needed. Type 'make package'."
  }
}

variable "settings" {
  description = "Leads per second, and at once, that the form's API takes of all people together; own names of the page and the ARN of their certificate in us-east-1."
  type = object({
    rate   = optional(number, 10)
    burst  = optional(number, 20)
    domain = optional(object({ names = list(string), certificate_arn = string }))
  })
  default = {}
}

variable "canary" {
  description = "While a release is tried: the version of each function, by name, that keeps the callers, and the percentage that the new ones get. Null at other times."
  type        = object({ stable_versions = map(string), percent = number })
  default     = null
}

variable "logs" {
  description = "Days that logs are kept, and the level from which functions log."
  type        = object({ retention_days = number, level = string })
}

variable "emulator_endpoint" {
  description = "URL of the local emulator; null on AWS."
  type        = string
  default     = null
}

variable "role" {
  description = "IAM path and permissions boundary of every role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "alarm_actions" {
  description = "ARNs that hear of the flow's alarms, and of their end."
  type        = list(string)
  default     = []
}
