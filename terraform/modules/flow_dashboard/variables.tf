variable "name_prefix" {
  description = "Beginning of every name in the environment, which labels leave out."
  type        = string
}

variable "name" {
  description = "Name of the flow."
  type        = string
}

variable "flow" {
  description = "The flow's output: of each part, what the dashboard shows."
  type = object({
    workflows = optional(map(object({
      name              = string
      state_machine_arn = string
      failed_queue_url  = string
      alarm_names       = list(string)
      triggers = optional(map(object({
        kind                  = string
        name                  = string
        event_bus_name        = optional(string)
        undelivered_queue_url = optional(string)
        alarm_names           = optional(list(string), [])
      })), {})
    })), {})
    children = optional(map(object({ name = string, state_machine_arn = string, cancel_arn = optional(string), alarm_names = list(string) })), {})
    triggers = optional(map(object({
      kind                  = string
      name                  = string
      event_bus_name        = optional(string)
      undelivered_queue_url = optional(string)
      alarm_names           = optional(list(string), [])
    })), {})
    functions   = optional(map(object({ name = string, timeout_seconds = number, alarm_names = list(string) })), {})
    consumers   = optional(map(object({ kind = string, queue_url = optional(string), dead_letter_queue_url = string, alarm_names = list(string) })), {})
    queues      = optional(map(object({ name = string, url = string, alarm_names = list(string) })), {})
    topics      = optional(map(object({ name = string, undelivered_queue_url = string, alarm_names = list(string) })), {})
    apis        = optional(map(object({ name = string, stage = string, alarm_names = list(string) })), {})
    tables      = optional(map(object({ name = string, alarm_names = list(string) })), {})
    alarm_names = optional(list(string), [])
  })
}
