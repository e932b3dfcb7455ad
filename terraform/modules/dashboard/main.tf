locals {
  columns = 24

  rows = [
    for row in var.rows :
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
