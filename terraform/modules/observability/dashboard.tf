# What an operator looks at: the alarms, then each flow from its state machine to its queues, then
# the database. A row divides the dashboard's 24 columns evenly; what it does not watch is left out.

locals {
  columns      = 24
  graph_height = 6

  graph        = { view = "timeSeries", region = local.region, stacked = false, period = 300 }
  count        = { stat = "Sum", yAxis = { left = { min = 0, showUnits = false, label = "Count" } } }
  milliseconds = { yAxis = { left = { min = 0, showUnits = false, label = "Milliseconds" } } }
  percent      = { stat = "Average", yAxis = { left = { min = 0, max = 100, showUnits = false, label = "%" } } }

  percentiles = { p50 = "#98df8a", p95 = "#ff7f0e", p99 = "#d62728" }
  green       = "#2ca02c"
  blue        = "#1f77b4"
  orange      = "#ff7f0e"
  red         = "#d62728"
  purple      = "#9467bd"
  brown       = "#8c564b"

  alarm_names = concat(
    flatten([for flow in var.flows : [flow.alarm_names, [for function in flow.functions : function.alarm_names]]]),
    [for alarm in aws_cloudwatch_metric_alarm.database : alarm.alarm_name],
    [aws_cloudwatch_metric_alarm.unheard.alarm_name],
  )

  # A widget shows 100 alarms at most.
  alarm_rows = [
    for names in chunklist(local.alarm_names, 100) : {
      height  = 2 + ceil(length(names) / 6)
      columns = 1
      widgets = [{
        type = "alarm"
        properties = {
          title  = "Alarms of ${var.name}, those that changed last first"
          sortBy = "stateUpdatedTimestamp"
          alarms = [for name in names : "${local.alarm_arn_prefix}${name}"]
        }
      }]
    }
  ]

  flow_rows = flatten([
    for flow_name, flow in var.flows : [
      {
        height  = 1
        columns = 1
        widgets = [{ type = "text", properties = { markdown = "## ${title(replace(flow_name, "_", " "))}", background = "transparent" } }]
      },

      [
        for machine in flow.state_machines : {
          height  = local.graph_height
          columns = 2
          widgets = [
            {
              type = "metric"
              properties = merge(local.graph, local.count, {
                title = "${trimprefix(machine.name, "${var.name}-")}: executions"
                metrics = [
                  ["AWS/States", "ExecutionsStarted", "StateMachineArn", machine.arn, { label = "Started", color = local.blue }],
                  ["AWS/States", "ExecutionsSucceeded", "StateMachineArn", machine.arn, { label = "Succeeded", color = local.green }],
                  ["AWS/States", "ExecutionsFailed", "StateMachineArn", machine.arn, { label = "Failed", color = local.red }],
                  ["AWS/States", "ExecutionsTimedOut", "StateMachineArn", machine.arn, { label = "Timed out", color = local.purple }],
                  ["AWS/States", "ExecutionsAborted", "StateMachineArn", machine.arn, { label = "Stopped", color = local.brown }],
                  ["AWS/States", "ExecutionThrottled", "StateMachineArn", machine.arn, { label = "Throttled", color = local.orange }],
                ]
              })
            },
            {
              type = "metric"
              properties = merge(local.graph, local.milliseconds, {
                title = "${trimprefix(machine.name, "${var.name}-")}: duration"
                metrics = [
                  for percentile, colour in local.percentiles :
                  ["AWS/States", "ExecutionTime", "StateMachineArn", machine.arn, { label = percentile, stat = percentile, color = colour }]
                ]
              })
            },
          ]
        }
      ],

      [
        for api in flow.apis : {
          height  = local.graph_height
          columns = 3
          widgets = [
            {
              type = "metric"
              properties = merge(local.graph, local.count, {
                title = "${trimprefix(api.name, "${var.name}-")}: calls"
                metrics = [
                  ["AWS/ApiGateway", "Count", "ApiName", api.name, "Stage", api.stage, { label = "Calls", color = local.blue }],
                  ["AWS/ApiGateway", "4XXError", "ApiName", api.name, "Stage", api.stage, { label = "4XX", color = local.orange }],
                  ["AWS/ApiGateway", "5XXError", "ApiName", api.name, "Stage", api.stage, { label = "5XX", color = local.red }],
                ]
              })
            },
            {
              type = "metric"
              properties = merge(local.graph, local.percent, {
                title = "${trimprefix(api.name, "${var.name}-")}: share of errors"
                metrics = [
                  [{ expression = "100 * m4", id = "e4", label = "4XX", color = local.orange }],
                  [{ expression = "100 * m5", id = "e5", label = "5XX", color = local.red }],
                  # The average of these two is the share of the calls.
                  ["AWS/ApiGateway", "4XXError", "ApiName", api.name, "Stage", api.stage, { id = "m4", visible = false }],
                  ["AWS/ApiGateway", "5XXError", "ApiName", api.name, "Stage", api.stage, { id = "m5", visible = false }],
                ]
              })
            },
            {
              type = "metric"
              properties = merge(local.graph, local.milliseconds, {
                title = "${trimprefix(api.name, "${var.name}-")}: latency"
                metrics = [
                  for percentile, colour in local.percentiles :
                  ["AWS/ApiGateway", "Latency", "ApiName", api.name, "Stage", api.stage, { label = percentile, stat = percentile, color = colour }]
                ]
              })
            },
          ]
        }
      ],

      {
        height  = local.graph_height
        columns = 3
        widgets = [
          for widget in [
            { metric = "Errors", title = "Functions: errors", stat = "Sum" },
            { metric = "Throttles", title = "Functions: throttles", stat = "Sum" },
            { metric = "ConcurrentExecutions", title = "Functions: invocations at once", stat = "Maximum" },
            ] : {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = widget.title
              stat  = widget.stat
              metrics = [
                for function in flow.functions :
                ["AWS/Lambda", widget.metric, "FunctionName", function.name, { label = trimprefix(function.name, "${var.name}-") }]
              ]
            })
          }
        ]
      },

      [
        for keys in chunklist(keys(flow.functions), 4) : {
          height  = local.graph_height
          columns = 4
          widgets = [
            for function in [for key in keys : flow.functions[key]] : {
              type = "metric"
              properties = merge(local.graph, local.milliseconds, {
                title = "${trimprefix(function.name, "${var.name}-")}: duration"
                metrics = [
                  for percentile, colour in local.percentiles :
                  ["AWS/Lambda", "Duration", "FunctionName", function.name, { label = percentile, stat = percentile, color = colour }]
                  if percentile != "p99"
                ]
                annotations = {
                  horizontal = [{ label = "Timeout ${function.timeout_seconds} s", value = function.timeout_seconds * 1000, color = local.red }]
                }
              })
            }
          ]
        }
      ],

      {
        height  = local.graph_height
        columns = 3
        widgets = [
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = "Rules: events"
              metrics = concat([], [
                for rule in flow.rules : [
                  for metric, line in {
                    Invocations                    = { label = "delivered", color = local.green }
                    FailedInvocations              = { label = "failed", color = local.red }
                    InvocationsSentToDlq           = { label = "to the undelivered queue", color = local.orange }
                    InvocationsFailedToBeSentToDlq = { label = "lost", color = local.purple }
                  } :
                  ["AWS/Events", metric, "EventBusName", rule.event_bus_name, "RuleName", rule.name, merge(line, { label = "${trimprefix(rule.name, "${var.name}-")} ${line.label}" })]
                ]
              ]...)
            })
          },
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = "Queues: messages that wait"
              stat  = "Maximum"
              metrics = [
                for queue in flow.queues :
                ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { label = trimprefix(queue, "${var.name}-") }]
              ]
            })
          },
          {
            type = "metric"
            properties = merge(local.graph, {
              title = "Queues: age of the oldest message"
              stat  = "Maximum"
              yAxis = { left = { min = 0, showUnits = false, label = "Hours" } }
              metrics = concat(
                [for i, queue in flow.queues : [{ expression = "s${i} / 3600", id = "h${i}", label = trimprefix(queue, "${var.name}-") }]],
                [for i, queue in flow.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, { id = "s${i}", visible = false }]],
              )
            })
          },
        ]
      },
    ]
  ])

  database_rows = flatten([
    for database in local.databases : [
      {
        height  = 1
        columns = 1
        widgets = [{ type = "text", properties = { markdown = "## Database ${database.identifier}", background = "transparent" } }]
      },
      {
        height  = local.graph_height
        columns = 3
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

  rows = [
    for row in concat(local.alarm_rows, local.flow_rows, local.database_rows) :
    # A graph without a line is refused.
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
}
