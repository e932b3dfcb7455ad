data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  columns = 24

  alarm_arn_prefix = "arn:${data.aws_partition.current.partition}:cloudwatch:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:alarm:"

  # A widget shows 100 alarms at most.
  alarm_rows = [
    for names in chunklist(var.alarms.names, 100) : {
      height  = 2 + ceil(length(names) / 6)
      columns = 1
      widgets = [{
        type = "alarm"
        properties = {
          title  = var.alarms.title
          sortBy = "stateUpdatedTimestamp"
          alarms = [for name in names : "${local.alarm_arn_prefix}${name}"]
        }
      }]
    }
  ]

  rows = [
    for row in concat(local.alarm_rows, var.rows) :
    # CloudWatch refuses a graph without a line.
    merge(row, { widgets = [for widget in row.widgets : widget if try(length(widget.properties.metrics) > 0, true)] })
  ]

  widgets = flatten([
    for i, row in local.rows : [
      for j, widget in row.widgets : merge(widget, {
        x      = j * local.columns / row.columns
        y      = sum(concat([0], [for above in slice(local.rows, 0, i) : length(above.widgets) > 0 ? above.height : 0]))
        width  = local.columns / row.columns
        height = row.height
      })
    ]
  ])
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    start          = "-P1D"
    periodOverride = "inherit"
    widgets        = local.widgets
  })

  lifecycle {
    precondition {
      condition     = length(local.widgets) <= 500
      error_message = "The dashboard ${var.name} has ${length(local.widgets)} widgets, and CloudWatch takes 500. Split it."
    }
  }
}
