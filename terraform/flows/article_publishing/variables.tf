variable "name_prefix" {
  description = "Beginning of every name: <project>-<environment>."
  type        = string
}

variable "environment" {
  description = "Name of the environment, which is also the API's stage."
  type        = string
}

variable "event_bus" {
  description = "Bus on which failures are told, and failed revisions come again."
  type        = object({ name = string, arn = string })
}

variable "packages" {
  description = "Lambda packages of the release by name: the place of each in S3, and its SHA-256."
  type        = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))

  validation {
    condition     = contains(keys(var.packages), "article_publishing")
    error_message = "The package article_publishing is needed. Type 'make package'."
  }
}

variable "settings" {
  description = "Where articles are at home, and where they are published: the site's address; each target's API, and what it needs beside its secret; requests per second, and at once, of the webhook."
  type = object({
    site_url = string
    medium = object({
      url      = optional(string, "https://api.medium.com")
      feed_url = string
    })
    devto = optional(object({ url = optional(string, "https://dev.to/api") }), {})
    hashnode = object({
      url  = optional(string, "https://gql-beta.hashnode.com")
      host = string
    })
    opensearch = object({
      url   = string
      index = optional(string, "articles")
    })
    rate  = optional(number, 5)
    burst = optional(number, 10)
  })

  validation {
    condition = var.emulator_endpoint != null || alltrue([
      for url in [
        var.settings.site_url, var.settings.medium.url, var.settings.medium.feed_url, var.settings.devto.url,
        var.settings.hashnode.url, var.settings.opensearch.url,
      ] : startswith(url, "https://")
    ])
    error_message = "Every address begins with https://, or tokens would go over the wire in the clear."
  }
}

variable "retry" {
  description = "How a state repeats a call that may work later, as modules/event_flow takes it."
  type = object({
    interval_seconds  = optional(number)
    max_attempts      = optional(number)
    backoff_rate      = optional(number)
    max_delay_seconds = optional(number)
  })
  default = {}
}

variable "canary" {
  description = "While a release is tried: the version of each function, by name, that keeps the callers, and the percentage that the new ones get. Null at other times."
  type        = object({ stable_versions = map(string), percent = number })
  default     = null
}

variable "logs" {
  description = "Days that logs are kept, the level from which functions log, and whether the state machine logs inputs and outputs (personal data)."
  type        = object({ retention_days = number, level = string, execution_data = bool })
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes it at once."
  type        = number
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
