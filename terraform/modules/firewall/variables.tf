variable "name" {
  description = "Name of the web ACL and of its metrics."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,120}$", var.name))
    error_message = "A firewall's name has 1 to 120 letters, digits, hyphens and underscores."
  }
}

variable "scope" {
  description = "REGIONAL for stages of APIs, CLOUDFRONT for a distribution, which names the firewall itself."
  type        = string
  default     = "REGIONAL"

  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "scope is REGIONAL or CLOUDFRONT."
  }
}

variable "limit" {
  description = "Requests that one address may make within so many seconds; further ones get 429."
  type        = object({ requests = number, seconds = optional(number, 300) })

  validation {
    condition     = var.limit.requests >= 10 && var.limit.requests <= 2000000000 && contains([60, 120, 300, 600], var.limit.seconds)
    error_message = "limit.requests is 10 or more, and limit.seconds is 60, 120, 300 or 600."
  }
}

variable "protected" {
  description = "ARNs of the stages that the firewall protects, by a name of each; none for a distribution."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
