variable "name" {
  description = "Name of the site; its bucket has the account's number behind it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,48}[a-z0-9]$", var.name))
    error_message = "A site's name has 3 to 50 lower-case letters, digits and hyphens, and begins with a letter (its bucket's name adds 13)."
  }
}

variable "description" {
  description = "Purpose of the site."
  type        = string

  validation {
    condition     = length(var.description) <= 128
    error_message = "A distribution's description has 128 characters at most."
  }
}

variable "files" {
  description = "The files by their path: content, type, and how many seconds browsers and CloudFront may keep them."
  type        = map(object({ content = string, content_type = string, cache_seconds = optional(number, 300) }))

  validation {
    condition     = contains(keys(var.files), "index.html")
    error_message = "files has no index.html, which is what the site's address shows."
  }

  validation {
    condition     = alltrue([for file in var.files : file.cache_seconds >= 0 && file.cache_seconds <= 86400])
    error_message = "cache_seconds is 0 to 86400: a file keeps its name when it changes, so it must not be kept for long."
  }
}

variable "api" {
  description = "An API that the site's pages use: server, stage, and the paths that lead there, such as /leads; null for none."
  type        = object({ host = string, stage = string, paths = list(string) })
  default     = null

  validation {
    condition     = var.api == null ? true : length(var.api.paths) > 0 && alltrue([for path in var.api.paths : can(regex("^/[A-Za-z0-9_/-]+$", path))])
    error_message = "api.paths has at least one path, such as /leads, without a wildcard."
  }
}

variable "domain" {
  description = <<-EOT
    Own names of the site, which alone can refuse TLS before 1.2; null for CloudFront's name:
    names: the names.
    certificate_arn: certificate for these names, in us-east-1.
    hsts_subdomains: browsers must use HTTPS for every subdomain of these names too.
  EOT
  type = object({
    names           = list(string)
    certificate_arn = string
    hsts_subdomains = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.domain == null ? true : length(var.domain.names) > 0 && can(regex("^arn:[^:]+:acm:us-east-1:[0-9]{12}:certificate/", var.domain.certificate_arn))
    error_message = "domain has at least one name, and certificate_arn is of a certificate in us-east-1, where CloudFront looks for it."
  }
}

variable "firewall" {
  description = "Requests, of pages and of the API, that one address may make within so many seconds; null for no such bound. Only in us-east-1."
  type        = object({ requests = number, seconds = optional(number, 300) })
  default     = null
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "alarm_actions" {
  description = "SNS topics notified when the alarm of the site fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
