variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "settings" {
  description = <<-EOT
    Settings of the flow:
    number: country (ISO code) and type of the number that sends and gets replies; SIMULATOR for tests.
    wait_seconds: how long a contact may stay silent, before the reminder and after it.
    words: replies that acknowledge and decline; messages name the first ones.
    message_days: days in which a reply to a message is taken.
    start_retries: how often starting an incident is retried before its record goes to the undelivered queue.
    deletion_protection: keep incidents and the number when the flow is removed.
  EOT
  type = object({
    number       = object({ country = string, type = string })
    wait_seconds = optional(number, 40)
    words = optional(object({
      yes = optional(list(string), ["yes", "y", "ok"])
      no  = optional(list(string), ["no", "n"])
    }), {})
    message_days        = optional(number, 90)
    start_retries       = optional(number, 20)
    deletion_protection = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Z]{2}$", var.settings.number.country)) && contains(["LONG_CODE", "SHORT_CODE", "SIMULATOR", "TEN_DLC", "TOLL_FREE"], var.settings.number.type)
    error_message = "incident_notification.number has an ISO country code such as US, and the type LONG_CODE, SHORT_CODE, SIMULATOR, TEN_DLC or TOLL_FREE. A sender id gets no replies."
  }

  validation {
    condition     = var.settings.wait_seconds >= 1 && var.settings.wait_seconds <= 7200
    error_message = "incident_notification.wait_seconds is 1 to 7200."
  }

  validation {
    condition = alltrue([
      for words in [var.settings.words.yes, var.settings.words.no] :
      length(words) > 0 && alltrue([for word in words : can(regex("^[^,\\s]+$", word)) && word == lower(word)])
    ]) && length(setintersection(var.settings.words.yes, var.settings.words.no)) == 0
    error_message = "incident_notification.words has at least one word for yes and for no, in lower case, without commas and spaces, and none for both."
  }

  validation {
    condition     = var.settings.message_days >= 1 && var.settings.start_retries >= 0
    error_message = "incident_notification.message_days is 1 or more, and start_retries 0 or more."
  }
}
