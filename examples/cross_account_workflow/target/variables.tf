variable "callers" {
  description = "ARNs of the state machines of the first account that may call."
  type        = list(string)
}

variable "emulator" {
  description = "The local AWS emulator; null on AWS."
  type        = object({ endpoint = string })
  default     = null
}

variable "tags" {
  description = "Tags of the API."
  type        = map(string)
  default     = {}
}
