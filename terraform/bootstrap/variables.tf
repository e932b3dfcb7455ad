variable "project" {
  description = "First part of every name."
  type        = string
  default     = "flowbridge"
}

variable "environment" {
  description = "Name of the environment that the account is for."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account_id" {
  description = "The one AWS account that this may be applied to."
  type        = string
}

variable "emulator_endpoint" {
  description = "URL of the local emulator; null on AWS."
  type        = string
  default     = null
}
