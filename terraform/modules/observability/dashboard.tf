# The overview: every alarm, a row for each flow, and the database.

locals {
  graph_height = 6

  graph   = { view = "timeSeries", region = local.region, stacked = false, period = 300 }
  count   = { stat = "Sum", yAxis = { left = { min = 0, showUnits = false, label = "Count" } } }
  percent = { stat = "Average", yAxis = { left = { min = 0, max = 100, showUnits = false, label = "%" } } }
  blue    = "#1f77b4"
  red     = "#d62728"

  alarm_names = concat(
    flatten([for flow in var.flows : flow.alarm_names]),
    flatten([for database in local.databases : database.alarm_names]),
    [aws_cloudwatch_metric_alarm.unheard.alarm_name],
  )

  flow_rows = flatten([
    for name, flow in var.flows : [
      {
        height  = 1
        columns = 1
        widgets = [{
          type = "text"
          properties = {
            markdown   = "## [${title(replace(name, "_", " "))}](#dashboards/dashboard/${flow.dashboard_name})"
            background = "transparent"
          }
        }]
      },
      { height = local.graph_height, columns = 3, widgets = flow.widgets },
    ]
  ])

  databases = var.database == null ? {} : { this = var.database }
  database_rows = flatten([
    for database in local.databases : [
      {
        height  = 1
        columns = 1
        widgets = [{ type = "text", properties = { markdown = "## Database ${database.identifier}", background = "transparent" } }]
      },
      {
        height  = local.graph_height
        columns = 4
        widgets = [
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title       = "Connections"
              stat        = "Maximum"
              metrics     = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", database.identifier, { label = "Connections", color = local.blue }]]
              annotations = { horizontal = [{ label = "Alarm", value = database.alarm.connections, color = local.red }] }
            })
          },
          {
            type = "metric"
            properties = merge(local.graph, local.percent, {
              title       = "Processor"
              metrics     = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", database.identifier, { label = "Busy", color = local.blue }]]
              annotations = { horizontal = [{ label = "Alarm", value = database.alarm.cpu_percent, color = local.red }] }
            })
          },
          {
            type = "metric"
            properties = merge(local.graph, {
              title = "Free memory"
              stat  = "Minimum"
              yAxis = { left = { min = 0, showUnits = false, label = "MiB" } }
              metrics = [
                [{ expression = "bytes / 1048576", id = "mib", label = "Free", color = local.blue }],
                ["AWS/RDS", "FreeableMemory", "DBInstanceIdentifier", database.identifier, { id = "bytes", visible = false }],
              ]
              annotations = { horizontal = [{ label = "Alarm", value = database.alarm.free_memory_mib, color = local.red }] }
            })
          },
          {
            type = "metric"
            properties = merge(local.graph, {
              title = "Free storage"
              stat  = "Minimum"
              yAxis = { left = { min = 0, showUnits = false, label = "GiB" } }
              metrics = [
                [{ expression = "bytes / 1073741824", id = "gib", label = "Free", color = local.blue }],
                ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", database.identifier, { id = "bytes", visible = false }],
              ]
              annotations = { horizontal = [{ label = "Alarm", value = database.alarm.free_storage_gib, color = local.red }] }
            })
          },
        ]
      },
    ]
  ])
}

module "overview" {
  source = "../dashboard"

  name = var.name
  rows = concat(local.flow_rows, local.database_rows)

  alarms = { title = "Alarms of ${var.name}, latest change first", names = local.alarm_names }
}

moved {
  from = aws_cloudwatch_dashboard.this
  to   = module.overview.aws_cloudwatch_dashboard.this
}
