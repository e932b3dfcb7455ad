variable "name" {
  description = "Name of the overview, and the beginning of the names of the topic and of every alarm that may publish to it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,100}$", var.name))
    error_message = "The name has 1 to 100 letters, digits, hyphens or underscores."
  }
}

variable "alarm_receivers" {
  description = "Receivers of alarms: e-mail addresses and https URLs."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for receiver in var.alarm_receivers : can(regex("^(https://[^\\s/@]+(/\\S*)?|[^\\s@:/]+@[^\\s@:/]+\\.[^\\s@:/]+)$", receiver))])
    error_message = "alarm_receivers are e-mail addresses, and URLs that begin with https:// and hold no password."
  }
}

variable "flows" {
  description = "Rows of the overview, by flow: the output overview of modules/flow_dashboard."
  type        = any
  default     = {}
}

variable "database" {
  description = "The RDS instance: its identifier, the thresholds of its alarms, and their names; null without one."
  type = object({
    identifier  = string
    alarm       = object({ connections = number, cpu_percent = number, free_storage_gib = number, free_memory_mib = number })
    alarm_names = list(string)
  })
  default = null
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
