variable "platform" {
  description = "The environment's platform, as modules/platform_contract types it."
  type        = any
}

variable "flow" {
  description = "Name of the flow, of its package and of the Python package that holds the function."
  type        = string

  validation {
    condition     = contains(keys(var.platform.packages), var.flow)
    error_message = "The release has no package ${var.flow}, which the flow needs. Type 'make package'."
  }
}

variable "name" {
  description = "Name of the queue within its flow."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", var.name))
    error_message = "A queue's name has lower-case letters and digits, words separated by one underscore."
  }
}

variable "function" {
  description = <<-EOT
    The function that gets the messages:
    module: module of the package that holds the handler.
    description: what the function does.
    timeout_seconds: seconds after which an invocation is ended.
    memory_mb: memory in MB.
    reserved_concurrency: how many invocations may run at once; null for no limit but the account's.
    environment: environment variables; DEAD_LETTER_QUEUE_URL is added.
    statements: rights, by the purpose of each; those on the queues are added.
  EOT
  type = object({
    module               = string
    description          = string
    timeout_seconds      = optional(number, 30)
    memory_mb            = optional(number, 256)
    reserved_concurrency = optional(number)
    environment          = optional(map(string), {})
    statements           = optional(map(object({ actions = list(string), resources = list(string) })), {})
  })
}

variable "batch" {
  description = <<-EOT
    The batch of one invocation:
    size: messages at most.
    window_seconds: how long Lambda waits for more messages.
  EOT
  type        = object({ size = optional(number, 10), window_seconds = optional(number, 0) })
  default     = {}

  validation {
    condition     = var.batch.size >= 1 && var.batch.size <= 10000 && var.batch.window_seconds >= 0 && var.batch.window_seconds <= 300
    error_message = "batch.size is 1 to 10000 messages, and batch.window_seconds 0 to 300."
  }

  validation {
    condition     = var.batch.size <= 10 || var.batch.window_seconds >= 1
    error_message = "A batch of more than ten messages needs a window. Set batch.window_seconds to 1 or more."
  }
}

variable "maximum_concurrency" {
  description = "How many batches run at once; null for as many as Lambda starts. Unlike reserved concurrency, it leaves other messages in the queue."
  type        = number
  default     = null

  validation {
    condition     = var.maximum_concurrency == null ? true : var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "maximum_concurrency is 2 to 1000."
  }
}

variable "visibility_timeout_seconds" {
  description = "Seconds after which a failed message is tried again; null for the least, six times the function's timeout and the batch's window."
  type        = number
  default     = null
}

variable "max_receive_count" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  default     = 5
}

variable "filters" {
  description = "Patterns, as JSON, of the messages that the function gets; Lambda deletes all others. None for every message."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for pattern in var.filters : can(keys(jsondecode(pattern)))]) && length(var.filters) <= 10
    error_message = "filters has ten patterns at most, each a JSON object, such as jsonencode({ body = { kind = [\"order\"] } })."
  }
}

variable "senders" {
  description = "AWS services that may send to the queue, as modules/queue describes them."
  type        = map(object({ service = string, source_arn = string }))
  default     = {}
}

variable "kms_key_arn" {
  description = "KMS key of both queues; null for keys that SQS manages."
  type        = string
  default     = null
}

variable "alarm" {
  description = <<-EOT
    Alarms of the queues:
    description: what to do with the dead letters.
    backlog_hours: hours without an empty queue after which an alarm fires.
  EOT
  type        = object({ description = string, backlog_hours = optional(number, 24) })
}
