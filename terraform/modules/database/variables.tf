variable "name" {
  description = "Beginning of the names of everything that belongs to the database."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,50}$", var.name))
    error_message = "The name begins with a letter and has up to 51 lower-case letters, digits and hyphens, as RDS wants it."
  }
}

variable "settings" {
  description = <<-EOT
    The database and its application user:
    mode: whether the server exists (on_premises) or is created (rds).
    application_user: name of the user of the backend functions.
    password_version: raise it to give that user a new password.
    on_premises: the server; its administrator's secret, which its owners write; cidr, which functions in a VPC may reach; its authority's certificate, without which it is not verified.
    rds: the server; a higher engine_version upgrades it, and without one a new server gets 11.8; apply_immediately = false defers changes to the maintenance window; backup_copy replicates the backups to another region; alarm limits are percentages of the class's connections and memory, and of storage_gb.
  EOT
  type = object({
    mode             = string
    application_user = optional(string, "flowbridge")
    password_version = optional(number, 1)
    on_premises = optional(object({
      host              = string
      port              = optional(number, 3306)
      name              = string
      admin_secret_name = string
      cidr              = optional(string)
      ca_certificate    = optional(string)
    }))
    rds = optional(object({
      name                = string
      engine_version      = optional(string)
      instance_class      = optional(string, "db.t4g.micro")
      storage_gb          = optional(number, 20)
      multi_az            = optional(bool, false)
      backup_days         = optional(number, 7)
      backup_copy         = optional(object({ region = string, days = optional(number, 7) }))
      deletion_protection = optional(bool, true)
      backup_window       = optional(string, "06:00-07:00")
      maintenance_window  = optional(string, "sun:07:30-sun:08:30")
      apply_immediately   = optional(bool, true)
      database_insights   = optional(string, "standard")
      slow_query_log      = optional(bool, false)
      alarm = optional(object({
        connections_percent  = optional(number, 80)
        cpu_percent          = optional(number, 80)
        free_storage_percent = optional(number, 10)
        free_memory_percent  = optional(number, 5)
      }), {})
    }))
  })

  validation {
    condition     = contains(["rds", "on_premises"], var.settings.mode)
    error_message = "The database's mode is \"rds\" or \"on_premises\"."
  }

  validation {
    condition     = var.settings.mode != "on_premises" || var.settings.on_premises != null
    error_message = "Mode \"on_premises\" needs the object on_premises: host, port, name and admin_secret_name."
  }

  validation {
    condition     = var.settings.mode != "rds" || var.settings.rds != null
    error_message = "Mode \"rds\" needs the object rds, with at least its name."
  }

  validation {
    condition     = try(var.settings.on_premises.port, 3306) >= 1 && try(var.settings.on_premises.port, 3306) <= 65535
    error_message = "The database's port is 1 to 65535."
  }

  validation {
    condition     = alltrue([for name in [try(var.settings.on_premises.name, "crm"), try(var.settings.rds.name, "crm")] : can(regex("^[A-Za-z][A-Za-z0-9_]{0,63}$", name))])
    error_message = "A database's name begins with a letter and has up to 64 letters, digits and underscores."
  }

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,31}$", var.settings.application_user))
    error_message = "The application's user begins with a letter and has up to 32 lower-case letters, digits and underscores."
  }

  validation {
    condition     = try(var.settings.rds.engine_version, null) == null ? true : contains(["10.11", "11.4", "11.8"], var.settings.rds.engine_version)
    error_message = "engine_version is a MariaDB series that RDS supports for long: 10.11, 11.4 or 11.8."
  }

  validation {
    condition     = try(can(regex("^db\\.t[0-9][a-z]*\\.(micro|small|medium|large|([248])?xlarge)$|^db\\.[mrx][0-9][a-z]*\\.(large|[0-9]*xlarge)$", var.settings.rds.instance_class)) || var.settings.rds == null, true)
    error_message = "instance_class is one of the families t, m, r and x, such as db.m7g.large; the alarms know the memory of these."
  }

  validation {
    condition     = try(contains(["standard", "advanced"], var.settings.rds.database_insights) || var.settings.rds == null, true)
    error_message = "database_insights is standard or advanced."
  }

  validation {
    # A function's variables have 4 KB together.
    condition     = try(var.settings.on_premises.ca_certificate, null) == null ? true : can(regex("^\\s*-----BEGIN CERTIFICATE-----", var.settings.on_premises.ca_certificate)) && length(var.settings.on_premises.ca_certificate) <= 3000
    error_message = "on_premises.ca_certificate is the PEM text of the authority's certificate, -----BEGIN CERTIFICATE----- and so on, of 3000 characters at most."
  }

  validation {
    condition     = try(can(regex("^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", var.settings.rds.backup_window)) || var.settings.rds == null, true)
    error_message = "rds.backup_window is two times of day in UTC, such as 06:00-07:00."
  }

  validation {
    condition     = try(can(regex("^(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):[0-2][0-9]:[0-5][0-9]$", var.settings.rds.maintenance_window)) || var.settings.rds == null, true)
    error_message = "rds.maintenance_window is two times of the week in UTC, such as sun:07:30-sun:08:30."
  }

  validation {
    condition     = try(var.settings.rds.backup_days >= 1 && var.settings.rds.backup_days <= 35 || var.settings.rds == null, true)
    error_message = "rds.backup_days is 1 to 35."
  }

  validation {
    condition     = try(var.settings.rds.backup_copy, null) == null ? true : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.settings.rds.backup_copy.region)) && var.settings.rds.backup_copy.days >= 1 && var.settings.rds.backup_copy.days <= 35
    error_message = "rds.backup_copy has the name of an AWS region, such as us-west-2, and 1 to 35 days."
  }

  validation {
    # gp3 has 20 to 65536 GB, and grows to four times what it begins with.
    condition     = try(var.settings.rds.storage_gb >= 20 && var.settings.rds.storage_gb <= 16384 || var.settings.rds == null, true)
    error_message = "rds.storage_gb is 20 to 16384."
  }

  validation {
    condition     = try(alltrue([for percent in values(var.settings.rds.alarm) : percent > 0 && percent < 100]) || var.settings.rds == null, true)
    error_message = "The limits of rds.alarm are percentages above 0 and below 100."
  }
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm fires or clears."
  type        = list(string)
  default     = []
}

variable "network" {
  description = "VPC and private subnets from which the database is reached, and the security group of its endpoints of AWS services if it has its own; null when the database is reached without a VPC."
  type        = object({ vpc_id = string, subnet_ids = list(string), endpoints = optional(object({ security_group_id = string })) })
  default     = null

  validation {
    condition     = var.network == null ? true : length(var.network.subnet_ids) >= 2
    error_message = "Give two subnets in different availability zones at least."
  }

  validation {
    condition     = var.network == null || var.settings.mode != "on_premises" || try(var.settings.on_premises.cidr, null) != null
    error_message = "An on-premises database that is reached through a VPC needs on_premises.cidr, the addresses that the functions may reach."
  }
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes it at once."
  type        = number

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days is 0, or 7 to 30."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the logs of an RDS server."
  type        = number
}

variable "emulator" {
  description = "The local AWS emulator: URL, port of the on-premises database, and the PEM text of the authority of its RDS servers; null on AWS."
  type        = object({ endpoint = string, database_port = optional(number), database_ca = optional(string) })
  default     = null
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
