variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    bucket_name: bucket of the recordings; null to create one.
    kms_key_arn: KMS key of the recordings; null for keys that S3 manages.
    bucket_prefix: beginning of the recordings' keys, before YYYY/MM/DD/; empty for none.
    num_days_age: age in days at which a recording is archived. All analytics must be done by then.
    s3_storage_tier: storage class of the archived recordings.
    overwrite_previous_converted: convert recordings again that were archived before.
    first_day: first day that is archived, as YYYY-MM-DD; null for the day that is due at the first run.
    most_days: how many days one run archives at most; the next run takes the next ones.
    old_versions_days: days in which an original can be brought back, in a bucket that the flow creates.
    schedule: time of the daily run.
    poll_seconds: seconds between two looks at the queue.
    page_size: recordings of one page.
    convert: timeout, memory and number at once of the converter's invocations.
    deletion_protection: keep recordings and watermark when the flow is removed.
  EOT
  type = object({
    bucket_name                  = optional(string)
    kms_key_arn                  = optional(string)
    bucket_prefix                = string
    num_days_age                 = optional(number, 7)
    s3_storage_tier              = optional(string, "GLACIER_IR")
    overwrite_previous_converted = optional(bool, false)
    first_day                    = optional(string)
    most_days                    = optional(number, 31)
    old_versions_days            = optional(number, 1)
    schedule                     = optional(object({ expression = string, timezone = optional(string, "UTC") }), { expression = "cron(0 23 * * ? *)" })
    poll_seconds                 = optional(number, 60)
    page_size                    = optional(number, 1000)
    convert = optional(object({
      timeout_seconds     = optional(number, 900)
      memory_mb           = optional(number, 800)
      maximum_concurrency = optional(number, 50)
    }), {})
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = var.settings.bucket_prefix == "" || can(regex("^[^/].*/$", var.settings.bucket_prefix))
    error_message = "call_recording_archival.bucket_prefix ends with a slash and does not begin with one, such as connect/main/CallRecordings/."
  }

  validation {
    condition     = var.settings.num_days_age >= 1 && floor(var.settings.num_days_age) == var.settings.num_days_age
    error_message = "call_recording_archival.num_days_age is a whole number of days, 1 or more: the conversion cannot be undone."
  }

  validation {
    condition     = contains(["GLACIER_IR", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER"], var.settings.s3_storage_tier)
    error_message = "call_recording_archival.s3_storage_tier is GLACIER_IR, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or GLACIER."
  }

  validation {
    condition     = var.settings.first_day == null ? true : can(formatdate("YYYY-MM-DD", "${var.settings.first_day}T00:00:00Z"))
    error_message = "call_recording_archival.first_day is a day as YYYY-MM-DD."
  }

  validation {
    condition     = var.settings.most_days >= 1 && var.settings.most_days <= 366 && floor(var.settings.most_days) == var.settings.most_days
    error_message = "call_recording_archival.most_days is a whole number from 1 to 366."
  }

  validation {
    condition     = var.settings.page_size >= 1 && var.settings.page_size <= 1000 && var.settings.poll_seconds >= 1
    error_message = "call_recording_archival.page_size is 1 to 1000, and poll_seconds is 1 or more."
  }

  validation {
    # A look makes nine events, and a history has 25,000 of them.
    condition     = var.platform.emulator != null || var.settings.poll_seconds >= 40
    error_message = "call_recording_archival.poll_seconds is too small: an execution has room for the pages and 22 hours of looks, one in 40 seconds. Raise it."
  }
}
