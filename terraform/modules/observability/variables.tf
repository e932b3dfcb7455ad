variable "name" {
  description = "Name of the dashboard, and the beginning of the names of the topic and of every alarm that may publish to it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "The name has 1 to 100 letters, digits, hyphens or underscores."
  }
}

variable "alarm_receivers" {
  description = "Who hears of alarms: e-mail addresses and https URLs."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for receiver in var.alarm_receivers : can(regex("^(https://[^\\s/@]+(/\\S*)?|[^\\s@:/]+@[^\\s@:/]+\\.[^\\s@:/]+)$", receiver))])
    error_message = "alarm_receivers are e-mail addresses, and URLs that begin with https:// and hold no password."
  }
}

variable "flows" {
  description = "What the dashboard shows of each flow, and of what else has rules and queues, by its name: the output `observed` of its module, with its functions."
  type = map(object({
    state_machines = optional(map(object({ name = string, arn = string })), {})
    apis           = optional(map(object({ name = string, stage = string })), {})
    functions      = optional(map(object({ name = string, timeout_seconds = number, alarm_names = list(string) })), {})
    rules          = optional(map(object({ name = string, event_bus_name = string })), {})
    queues         = optional(list(string), [])
    alarm_names    = optional(list(string), [])
  }))
}

variable "database" {
  description = "The RDS instance, and from where on it raises alarms; null when the database is not on RDS."
  type = object({
    identifier = string
    alarm = optional(object({
      connections      = optional(number, 50)
      cpu_percent      = optional(number, 80)
      free_storage_gib = optional(number, 4)
    }), {})
  })
  default = null

  validation {
    condition     = var.database == null ? true : var.database.alarm.cpu_percent > 0 && var.database.alarm.cpu_percent < 100
    error_message = "database.alarm.cpu_percent is above 0 and below 100."
  }

  validation {
    condition     = var.database == null ? true : var.database.alarm.connections >= 1 && var.database.alarm.free_storage_gib > 0
    error_message = "database.alarm.connections is 1 or more, and database.alarm.free_storage_gib is above 0."
  }
}

variable "plain_http" {
  description = "Let callers reach the topic without TLS; for the local emulator only."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags beside the provider's default tags."
  type        = map(string)
  default     = {}
}
