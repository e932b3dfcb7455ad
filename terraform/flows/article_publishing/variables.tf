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
    condition = var.platform.emulator_endpoint != null || alltrue([
      for url in [
        var.settings.site_url, var.settings.medium.url, var.settings.medium.feed_url, var.settings.devto.url,
        var.settings.hashnode.url, var.settings.opensearch.url,
      ] : startswith(url, "https://")
    ])
    error_message = "Every address begins with https://, or tokens would go over the wire in the clear."
  }
}
