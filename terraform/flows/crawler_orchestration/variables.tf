variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    schedule: when crawlers run by themselves.
    timezone: time zone of the schedule.
    schedule_tags: tags of the crawlers that the schedule runs.
    data_sets: folders below data/ that have a crawler, by name.
    data_sets.is_partitioned: whether its folders are partitions, for the crawler's tag.
    data_sets.datatype: format of its files, for the crawler's tag.
    data_sets.further_tags: more tags of the crawler.
    first_year: first year of the data sets that create_dataset writes.
    last_year: last year of them.
    page_size: crawlers that one call lists.
    max_concurrency: crawlers that run at the same time.
    poll_seconds: the first wait for a crawl.
    crawl_minutes: minutes after which a crawl that is not ready fails.
    most_bytes_scanned: bytes that one query may scan; Athena cancels it above.
    deletion_protection: refuse to delete the buckets while they hold objects.
  EOT
  type = object({
    schedule      = string
    timezone      = optional(string, "UTC")
    schedule_tags = optional(map(string), { datatype = "json" })
    data_sets = optional(map(object({
      is_partitioned = bool
      datatype       = optional(string, "json")
      further_tags   = optional(map(string), {})
      })), {
      daily-user-summaries        = { is_partitioned = true }
      daily-location-summaries    = { is_partitioned = true }
      all-time-location-summaries = { is_partitioned = false }
    })
    first_year          = optional(number, 2016)
    last_year           = optional(number, 2021)
    page_size           = optional(number, 100)
    max_concurrency     = optional(number, 10)
    poll_seconds        = optional(number, 15)
    crawl_minutes       = optional(number, 60)
    most_bytes_scanned  = optional(number, 1099511627776)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.settings.data_sets) : can(regex("^[a-z][a-z0-9-]{0,99}$", name))])
    error_message = "crawler_orchestration.data_sets are named by 1 to 100 lower-case letters, digits and hyphens, as their folders are."
  }

  validation {
    condition     = length(var.settings.schedule_tags) > 0
    error_message = "crawler_orchestration.schedule_tags has at least one tag, such as { datatype = \"json\" }."
  }

  validation {
    condition     = var.settings.first_year >= 1900 && var.settings.last_year <= 2100 && var.settings.first_year <= var.settings.last_year
    error_message = "crawler_orchestration.first_year is 1900 or later, and last_year from first_year to 2100."
  }

  validation {
    condition     = var.settings.page_size >= 1 && var.settings.page_size <= 1000
    error_message = "crawler_orchestration.page_size is 1 to 1000."
  }

  validation {
    condition     = var.settings.max_concurrency >= 1 && var.settings.max_concurrency <= 40
    error_message = "crawler_orchestration.max_concurrency is 1 to 40, which is the most that a Map runs."
  }

  validation {
    condition     = var.settings.crawl_minutes >= 1 && var.settings.crawl_minutes <= 120
    error_message = "crawler_orchestration.crawl_minutes is 1 to 120."
  }

  validation {
    condition     = var.settings.most_bytes_scanned >= 10000000
    error_message = "crawler_orchestration.most_bytes_scanned is 10000000 or more, which is Athena's smallest limit."
  }
}
