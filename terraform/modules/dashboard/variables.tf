variable "name" {
  description = "Name of the dashboard."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "A dashboard's name has 1 to 255 letters, digits, hyphens or underscores."
  }
}

variable "rows" {
  description = "Rows from top to bottom: height, number of columns that share the width evenly, and the widgets as CloudWatch takes them, without their places."
  type        = any
}

variable "alarms" {
  description = "Alarms above the rows: the title of their widgets, and their names."
  type        = object({ title = string, names = list(string) })
  default     = { title = "Alarms", names = [] }
}
