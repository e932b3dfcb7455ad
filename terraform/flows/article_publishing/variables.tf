variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    site_url: address of the articles' own site.
    medium, devto, hashnode, opensearch: address of each target's API, and its settings apart from the secret. An address may begin with {emulator}, the local emulator.
    cms: address of the CMS's query API, from which categories come that a webhook does not have; null to do without.
    rate, burst: requests per second, and at once, of the webhook.
    firewall: requests that one address may make within so many seconds; null for no such bound.
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
    cms      = optional(object({ query_url = string }))
    rate     = optional(number, 5)
    burst    = optional(number, 10)
    firewall = optional(object({ requests = number, seconds = optional(number, 300) }))
  })
  nullable = false

  validation {
    condition = var.platform.emulator != null || alltrue([
      for url in [
        var.settings.site_url, var.settings.medium.url, var.settings.medium.feed_url, var.settings.devto.url,
        var.settings.hashnode.url, var.settings.opensearch.url, try(var.settings.cms.query_url, "https://none"),
      ] : startswith(url, "https://")
    ])
    error_message = "Every address of article_publishing begins with https://, or tokens would be sent in the clear."
  }

  validation {
    condition     = var.settings.rate > 0 && var.settings.burst >= 1
    error_message = "article_publishing.rate is above 0 and burst is 1 or more, or the webhook refuses every request."
  }
}
