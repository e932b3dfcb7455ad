variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    site_url: address of the articles' own site.
    medium, devto, hashnode, opensearch: address of each target's API, and its settings apart from the secret.
    rate, burst: requests per second, and at once, of the webhook.
  EOT
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
  nullable = false

  validation {
    condition = var.platform.emulator != null || alltrue([
      for url in [
        var.settings.site_url, var.settings.medium.url, var.settings.medium.feed_url, var.settings.devto.url,
        var.settings.hashnode.url, var.settings.opensearch.url,
      ] : startswith(url, "https://")
    ])
    error_message = "Every address of article_publishing begins with https://, or tokens would be sent in the clear."
  }

  validation {
    condition     = var.settings.rate > 0 && var.settings.burst >= 1
    error_message = "article_publishing.rate is above 0 and burst is 1 or more, or the webhook refuses every request."
  }
}
