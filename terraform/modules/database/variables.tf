variable "name" {
  description = "Beginning of the names of everything that belongs to the database."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,50}$", var.name))
    error_message = "The name begins with a letter and has up to 51 lower-case letters, digits and hyphens, as RDS wants it."
  }
}

variable "settings" {
  description = "A database that exists already (on_premises) or one that is made (rds), and its application user."
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
      engine_version      = optional(string, "10.11")
      instance_class      = optional(string, "db.t4g.micro")
      storage_gb          = optional(number, 20)
      multi_az            = optional(bool, false)
      backup_days         = optional(number, 7)
      deletion_protection = optional(bool, true)
      backup_window       = optional(string, "06:00-07:00")
      maintenance_window  = optional(string, "sun:07:30-sun:08:30")
      slow_query_log      = optional(bool, false)
      alarm = optional(object({
        connections      = optional(number, 50)
        cpu_percent      = optional(number, 80)
        free_storage_gib = optional(number, 4)
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
    condition     = try(can(regex("^10\\.(6|11)$|^11\\.[48]$", var.settings.rds.engine_version)) || var.settings.rds == null, true)
    error_message = "engine_version is a MariaDB series with long support: 10.6, 10.11, 11.4 or 11.8."
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
    # gp3 has 20 to 65536 GB, and grows to four times what it begins with.
    condition     = try(var.settings.rds.storage_gb >= 20 && var.settings.rds.storage_gb <= 16384 || var.settings.rds == null, true)
    error_message = "rds.storage_gb is 20 to 16384."
  }

  validation {
    condition     = try(var.settings.rds.alarm.cpu_percent > 0 && var.settings.rds.alarm.cpu_percent < 100 || var.settings.rds == null, true)
    error_message = "rds.alarm.cpu_percent is above 0 and below 100."
  }

  validation {
    condition     = try(var.settings.rds.alarm.connections >= 1 && var.settings.rds.alarm.free_storage_gib > 0 || var.settings.rds == null, true)
    error_message = "rds.alarm.connections is 1 or more, and rds.alarm.free_storage_gib is above 0."
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
