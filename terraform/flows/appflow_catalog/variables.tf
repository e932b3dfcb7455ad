variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    flows: flows of AppFlow that exist, whose runs are cataloged, each with the bucket that it writes to.
    transfers: flows of AppFlow to make, by name, each of files below that name in the bucket of exports.
    transfers.source_format: CSV or JSON, the format of the exports.
    transfers.format: CSV, JSON or PARQUET, the format of the records.
    transfers.fields: the fields to transfer, each with AppFlow's name of its type.
    transfers.single_file: whether all runs write to one folder.
    transfers.folders: YEAR, MONTH, DAY, HOUR or MINUTE for folders by the time of the run; null for none.
    transfers.schedule: when it runs, such as rate(1hour); null for only when it is started.
    deletion_protection: keep the buckets while they hold objects.
  EOT
  type = object({
    flows = optional(map(string), {})
    transfers = map(object({
      source_format = optional(string, "CSV")
      format        = string
      fields        = map(string)
      single_file   = optional(bool, false)
      folders       = optional(string)
      schedule      = optional(string)
    }))
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.settings.flows) + length(var.settings.transfers) > 0
    error_message = "appflow_catalog needs a flow of AppFlow. Name one in flows, or describe one in transfers."
  }

  validation {
    condition     = alltrue([for name in keys(var.settings.transfers) : can(regex("^[a-z][a-z0-9-]{0,30}$", name))])
    error_message = "appflow_catalog.transfers: a name has up to 31 lower-case letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition = alltrue([
      for transfer in values(var.settings.transfers) :
      contains(["CSV", "JSON"], transfer.source_format) && contains(["CSV", "JSON", "PARQUET"], transfer.format) && length(transfer.fields) > 0
    ])
    error_message = "appflow_catalog.transfers: format is CSV, JSON or PARQUET, source_format CSV or JSON, and each transfer has fields."
  }
}
