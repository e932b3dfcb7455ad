variable "project" {
  description = "First part of every name."
  type        = string
  default     = "flowbridge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.project))
    error_message = "project has 2 to 15 lower-case letters, digits and hyphens (names of AWS are short)."
  }
}

variable "environment" {
  description = "Name of the environment, second part of every name."
  type        = string

  validation {
    condition     = contains(["local", "dev", "qa", "prd"], var.environment)
    error_message = "environment is local, dev, qa or prd."
  }
}

variable "region" {
  description = "AWS region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, such as us-east-1."
  }
}

variable "account_id" {
  description = "The one AWS account that this environment may be applied to."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has 12 digits, in quotes."
  }
}

variable "emulator" {
  description = <<-EOT
    The local AWS emulator; null on AWS. 'make env' sets it, because its ports differ by computer:
    endpoint: its URL.
    database_port: port of the local database that plays the on-premises one.
    database_ca: PEM text of the authority of its RDS servers.
  EOT
  type        = object({ endpoint = string, database_port = optional(number), database_ca = optional(string) })
  default     = null

  validation {
    condition     = var.environment != "local" || var.emulator != null
    error_message = "The environment local runs on the emulator. Type: eval \"$(make -s env)\"."
  }

  validation {
    condition     = var.emulator == null ? true : can(regex("^http://127\\.0\\.0\\.1:[0-9]+$", var.emulator.endpoint))
    error_message = "emulator.endpoint is http://127.0.0.1:<port>."
  }
}

variable "release" {
  description = "Release to run, by the digest of its manifest; null for the one that was built here last."
  type        = string
  default     = null

  validation {
    condition     = var.release == null || can(regex("^[0-9a-f]{64}$", var.release))
    error_message = "release is the digest in a release's manifest: 64 characters of 0 to 9 and a to f."
  }

  validation {
    condition     = var.release != null || !contains(["qa", "prd"], var.environment)
    error_message = "qa and prd run releases that were promoted: type 'make promote', or name one with -var=release=<digest>."
  }
}

variable "packages_manifest" {
  description = "Path of the manifest that 'make package' writes; it says which release was built here last."
  type        = string
  default     = "../build/dist/manifest.json"
}

variable "flows" {
  description = "Settings of each flow that the environment has, by the name of its folder in flows/, which types them."
  type        = any
  default     = {}
  nullable    = false

  validation {
    condition     = can(keys(var.flows))
    error_message = "flows is a map from a flow's name to its settings, such as { order_intake = { ... } }."
  }

  validation {
    condition     = try(alltrue([for flow in keys(var.flows) : fileexists("${path.root}/flows/${flow}/main.tf")]), true)
    error_message = "flows has ${join(", ", [for flow in try(keys(var.flows), []) : flow if !fileexists("${path.root}/flows/${flow}/main.tf")])}, which is not a folder of terraform/flows. Correct the name in the environment's tfvars."
  }
}

variable "database" {
  description = "The relational database, as modules/database describes it; null for none."
  type = object({
    mode             = string
    password_version = optional(number)
    on_premises = optional(object({
      host              = string
      port              = optional(number)
      name              = string
      admin_secret_name = string
      cidr              = optional(string)
      ca_certificate    = optional(string)
    }))
    rds = optional(object({
      name                = string
      engine_version      = optional(string)
      instance_class      = optional(string)
      storage_gb          = optional(number)
      multi_az            = optional(bool)
      backup_days         = optional(number)
      backup_copy         = optional(object({ region = string, days = optional(number) }))
      deletion_protection = optional(bool)
      backup_window       = optional(string)
      maintenance_window  = optional(string)
      apply_immediately   = optional(bool)
      database_insights   = optional(string)
      slow_query_log      = optional(bool)
      alarm = optional(object({
        connections_percent  = optional(number)
        cpu_percent          = optional(number)
        free_storage_percent = optional(number)
        free_memory_percent  = optional(number)
      }))
    }))
  })
  default = null

  validation {
    condition     = var.environment != "prd" || try(var.database.rds.slow_query_log, false) != true
    error_message = "The slow-query log quotes personal data, which stays out of prd's logs: set database.rds.slow_query_log = false."
  }
}

variable "network" {
  description = "Network of the functions that use the database: a VPC that is made (own), or one that is there (existing); null when the database is reached without a VPC."
  type = object({
    own      = optional(object({ cidr = string, zones = optional(number, 2) }))
    existing = optional(object({ vpc_id = string, subnet_ids = list(string) }))
  })
  default = null
}

variable "retry" {
  description = <<-EOT
    How a state retries, whose defaults outlast a database that is away for five minutes (999 of 1,000):
    interval_seconds: the longest first wait.
    max_attempts: retries, after which the event waits in the flow's failed queue.
    backoff_rate: growth of the longest wait from one retry to the next.
    max_delay_seconds: limit of the longest wait.
  EOT
  type = object({
    interval_seconds  = optional(number, 2)
    max_attempts      = optional(number, 22)
    backoff_rate      = optional(number, 2)
    max_delay_seconds = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.retry.interval_seconds >= 1 && var.retry.max_attempts >= 0 && var.retry.backoff_rate >= 1 && var.retry.max_delay_seconds > var.retry.interval_seconds
    error_message = "retry takes a first wait of 1 s or more, 0 or more repetitions, a growth of 1 or more, and a longest wait above the first."
  }
}

variable "event_archive_days" {
  description = "How many days the bus's archive keeps every event, and the audit log at least; 1 to 3653."
  type        = number
}

variable "event_log" {
  description = "Days that a log keeps whole events, with their personal data, encrypted with a key of its own; null for none. The audit log holds ids only. Set it where compliance asks for every event."
  type        = object({ days = number })
  default     = null
}

variable "canary" {
  description = <<-EOT
    How a promotion begins; null gives the new release all calls at once:
    percent: percentage of the calls that the new release gets.
    minutes: how long it must raise no technical error.
  EOT
  type        = object({ percent = number, minutes = number })
  default     = null

  # The pipeline's session lasts two hours, for the canary and for what comes before and after it.
  validation {
    condition     = var.canary == null ? true : contains(range(1, 51), var.canary.percent) && var.canary.minutes > 0 && var.canary.minutes <= 60
    error_message = "canary takes 1 to 50 whole percent, and up to 60 minutes."
  }
}

variable "stable_versions" {
  description = <<-EOT
    Versions that keep the other calls while a canary runs; 'make promote' gives them:
    functions: version of each function, by name.
    state_machines: version of each state machine, by name.
    machine_percent: percentage of the executions that start with new versions, if not that of canary.
  EOT
  type = object({
    functions       = optional(map(string), {})
    state_machines  = optional(map(string), {})
    machine_percent = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(var.stable_versions.functions) + length(var.stable_versions.state_machines) == 0 || var.canary != null
    error_message = "stable_versions needs canary, which says how many calls go to the new versions."
  }
}

variable "logs" {
  description = "How long logs are kept, in days, their least level, and whether state machines log personal data."
  type = object({
    retention_days = number
    level          = string
    execution_data = bool
  })

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.logs.level)
    error_message = "The log level is DEBUG, INFO, WARN or ERROR; alarms count lines of the level ERROR."
  }

  validation {
    condition     = !(var.environment == "prd" && var.logs.execution_data)
    error_message = "Personal data stays out of prd's logs: set logs.execution_data = false."
  }

  validation {
    condition     = !(var.environment == "prd" && var.logs.level == "DEBUG")
    error_message = "Personal data stays out of prd's logs, and functions log it at DEBUG: set logs.level = \"INFO\" or above."
  }
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be restored; 0 deletes at once."
  type        = number
  default     = 7
}

variable "role" {
  description = "IAM path and permissions boundary of every role; without a boundary, the one of the role's flow."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "failed_share" {
  description = <<-EOT
    When executions that failed for a business reason, such as an invalid event, raise an alarm:
    percent: percentage of the executions that may fail.
    minutes: time in which executions are counted.
    at_least: failures in this time below which the alarm does not fire.
  EOT
  type = object({
    percent  = optional(number, 5)
    minutes  = optional(number, 15)
    at_least = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.failed_share.percent > 0 && var.failed_share.percent < 100
    error_message = "failed_share.percent is above 0 and below 100."
  }

  validation {
    condition     = var.failed_share.minutes >= 1 && var.failed_share.minutes <= 1440 && floor(var.failed_share.minutes) == var.failed_share.minutes && var.failed_share.at_least >= 1
    error_message = "failed_share.minutes is a whole number from 1 to 1440 (a day), and failed_share.at_least is 1 or more."
  }
}

variable "alarm_receivers" {
  description = "Receivers of alarms: e-mail addresses and https URLs; each confirms once."
  type        = set(string)
  default     = []
}
