variable "platform" {
  description = <<-EOT
    The parts of an environment that every flow uses:
    name_prefix: beginning of every name, <project>-<environment>.
    environment: name of the environment, which is also the stage of its APIs.
    event_bus: name and ARN of the environment's bus.
    packages: packages of the release, by name: bucket, key and SHA-256 of each zip.
    canaries: stable version and share of the new one, by function, while a canary runs.
    machine_canaries: the same by state machine.
    retry: how states retry a call that may succeed later.
    logs: days that logs are kept, lowest level, and whether state machines log their data.
    role: IAM path and permissions boundary of every role.
    secret_recovery_days: days in which a deleted secret can be restored.
    failed_share: percentage of executions that may fail, the minutes in which they are counted, and the failures below which no alarm fires.
    alarm_actions: ARNs of SNS topics notified when an alarm fires or clears.
    database: the relational database; null in an environment without one.
    emulator: the local AWS emulator; null on AWS.
  EOT
  type = object({
    name_prefix = string
    environment = string
    event_bus   = object({ name = string, arn = string })
    packages    = map(object({ name = string, bucket = string, key = string, sha256_base64 = string }))
    canaries    = optional(map(object({ stable_version = string, percent = number })), {})

    machine_canaries = optional(map(object({ stable_version = string, percent = number })), {})
    retry = optional(object({
      interval_seconds  = optional(number, 2)
      max_attempts      = optional(number, 22)
      backoff_rate      = optional(number, 2)
      max_delay_seconds = optional(number, 60)
    }), {})
    logs = object({ retention_days = number, level = string, execution_data = bool })
    role = optional(object({
      path                 = optional(string, "/")
      permissions_boundary = optional(string)
    }), {})
    secret_recovery_days = optional(number, 7)
    failed_share = optional(object({
      percent  = optional(number, 5)
      minutes  = optional(number, 15)
      at_least = optional(number, 3)
    }), {})
    alarm_actions = optional(list(string), [])
    database = optional(object({
      host                  = string
      port                  = number
      name                  = string
      secret_arn            = string
      secret_pattern        = string
      admin_secret_arn      = string
      admin_secret_key_arns = list(string)
      password_version      = number
      ca_certificate        = optional(string)
      vpc                   = optional(object({ subnet_ids = list(string), security_group_ids = list(string) }))
    }))
    emulator = optional(object({ endpoint = string }))
  })
  nullable = false
}
