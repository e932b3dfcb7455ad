variable "name" {
  description = "Name of the API."
  type        = string
}

variable "state_machine" {
  description = "ARN of the Standard state machine that the API runs, and of its alias."
  type        = object({ arn = string, alias_arn = string })
}

variable "callers" {
  description = "ARNs of the state machines that may call the API, of other accounts or this one."
  type        = list(string)
}

variable "stage" {
  description = "Name of the API's stage."
  type        = string
  default     = "v1"
}

variable "throttle" {
  description = "Requests per second, and at once; a run takes one to start, and one for each look at it."
  type        = object({ rate = number, burst = number })
  default     = { rate = 10, burst = 20 }
}

variable "logs" {
  description = "Days that the access log is kept."
  type        = object({ retention_days = number })
}

variable "role" {
  description = "IAM path and permissions boundary of the API's role."
  type        = object({ path = optional(string, "/"), permissions_boundary = optional(string) })
  default     = {}
}

variable "emulator" {
  description = "The local AWS emulator, which serves plain HTTP; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "alarm_actions" {
  description = "SNS topics notified when an alarm of the API fires or clears."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags in addition to the provider's default tags."
  type        = map(string)
  default     = {}
}
