variable "name" {
  description = "Beginning of the names of everything that belongs to the network."
  type        = string
}

variable "settings" {
  description = "A VPC that is made (own: its addresses and how many zones), or one that is there (existing: its private subnets)."
  type = object({
    own      = optional(object({ cidr = string, zones = optional(number, 2) }))
    existing = optional(object({ vpc_id = string, subnet_ids = list(string) }))
  })

  validation {
    condition     = (var.settings.own == null) != (var.settings.existing == null)
    error_message = "A network is either own (cidr, zones) or existing (vpc_id, subnet_ids)."
  }

  validation {
    condition     = try(can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)[0-9.]+/(1[6-9]|2[0-4])$", var.settings.own.cidr)) && cidrhost(var.settings.own.cidr, 0) == split("/", var.settings.own.cidr)[0], var.settings.own == null)
    error_message = "A network's cidr is a range of private addresses (10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16) of /16 to /24, such as 10.1.0.0/20."
  }

  validation {
    condition     = try(contains([2, 3], var.settings.own.zones), var.settings.own == null)
    error_message = "A network has 2 or 3 zones: with one, the database would go with it."
  }

  validation {
    condition     = try(length(var.settings.existing.subnet_ids) >= 2, var.settings.existing == null)
    error_message = "Name two subnets in different availability zones at least."
  }
}

variable "interfaces" {
  description = "Services that functions in the network call, each with the actions that its interface endpoint lets through."
  type        = map(list(string))
  # The README says why there are no others.
  default = {
    secretsmanager = ["secretsmanager:GetSecretValue"]
  }

  validation {
    condition     = alltrue([for service in keys(var.interfaces) : can(regex("^[a-z0-9.-]+$", service))])
    error_message = "A service has the short name of its endpoint, such as secretsmanager."
  }
}

variable "gateways" {
  description = "Services with a gateway endpoint, each with the actions that it lets through."
  type        = map(list(string))
  default = {
    dynamodb = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    s3       = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
  }

  validation {
    condition     = length(setsubtract(keys(var.gateways), ["dynamodb", "s3"])) == 0
    error_message = "Only s3 and dynamodb have gateway endpoints; others are interfaces."
  }
}

variable "logs" {
  description = "Days that the log of the network's connections is kept."
  type        = object({ retention_days = number })
}

variable "role" {
  description = "IAM path and permissions boundary of the role that writes the log."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
