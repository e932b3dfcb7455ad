variable "name" {
  description = "Name of the compute environment and the queue, and beginning of the names of the rest."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", var.name))
    error_message = "The name has 1 to 64 letters, digits, hyphens and underscores, and begins with a letter or a digit."
  }
}

variable "network" {
  description = <<-EOT
    Where the containers run:
    subnet_ids: subnets from which they reach the registry of their image and AWS's services.
    security_group_ids: security groups that open port 443 to these.
    public_address: whether a container gets a public address, which a public subnet needs.
  EOT
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
    public_address     = optional(bool, false)
  })

  validation {
    condition     = length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) > 0
    error_message = "The containers need at least one subnet and one security group."
  }
}

variable "max_vcpus" {
  description = "How many vCPUs all jobs have together; the others wait."
  type        = number
  default     = 4

  validation {
    condition     = var.max_vcpus >= 1 && floor(var.max_vcpus) == var.max_vcpus
    error_message = "max_vcpus is a whole number of 1 or more."
  }
}

variable "image" {
  description = "Image of the containers: Python with botocore, and no entry point."
  type        = string
  default     = "public.ecr.aws/sam/build-python3.13:latest"
}

variable "code_bucket" {
  description = "Name of the bucket that gets a copy of each package, which jobs load. No role of a flow may read the bucket of the releases."
  type        = string
}

variable "jobs" {
  description = <<-EOT
    Job definitions, by the end of their names:
    package: zip with the code: its name, and its place in S3.
    module: module of the zip that runs, such as crystals.simulate.
    parameters: names of the parameters that a job is submitted with; the module gets their values as arguments, in this order.
    environment: environment variables.
    statements: rights of the code, by the purpose of each.
    vcpus, memory_mb: size of the container, one that Fargate has.
    attempts: how often a job that fails is tried.
    timeout_seconds: time limit of each attempt, 60 or more.
  EOT
  type = map(object({
    package         = object({ name = string, bucket = string, key = string })
    module          = string
    parameters      = optional(list(string), [])
    environment     = optional(map(string), {})
    statements      = optional(map(object({ actions = list(string), resources = list(string) })), {})
    vcpus           = optional(number, 0.25)
    memory_mb       = optional(number, 512)
    attempts        = optional(number, 2)
    timeout_seconds = optional(number, 900)
  }))

  validation {
    condition     = alltrue([for job in values(var.jobs) : job.timeout_seconds >= 60])
    error_message = "timeout_seconds of a job is 60 or more."
  }

  validation {
    condition     = alltrue([for job in values(var.jobs) : job.attempts >= 1 && job.attempts <= 10])
    error_message = "attempts of a job is 1 to 10."
  }

  validation {
    condition     = alltrue([for name in keys(var.jobs) : can(regex("^[a-z][a-z0-9-]{0,30}$", name))])
    error_message = "A job definition's name has 1 to 31 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "logs" {
  description = "Days that the log is kept."
  type        = object({ retention_days = number })
}

variable "role" {
  description = "IAM path and permissions boundary of the roles."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
