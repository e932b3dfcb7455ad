data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "events", data.aws_region.current.name,
    data.aws_caller_identity.current.account_id, "event-bus/${var.name}",
  ])
}

resource "aws_cloudwatch_event_bus" "this" {
  name        = var.name
  description = "Business events of ${var.name}"
  tags        = var.tags
}

resource "aws_cloudwatch_event_archive" "this" {
  # An archive's name has 48 characters at most.
  name             = length(var.name) <= 48 ? var.name : "${substr(var.name, 0, 39)}-${substr(sha256(var.name), 0, 8)}"
  description      = "Every event of the bus, to be replayed after a fault"
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive_days
}
