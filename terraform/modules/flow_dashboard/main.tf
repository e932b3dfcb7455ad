data "aws_region" "current" {}

# An operator reads it from the top: alarms, state machines, APIs, functions, schedules, rules and queues.

locals {
  prefix       = "${var.name_prefix}-"
  region       = data.aws_region.current.id
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

  # A child that cancels what it called has a second state machine.
  machines = concat(
    [for workflow in var.flow.workflows : { name = workflow.name, arn = workflow.state_machine_arn }],
    [for child in var.flow.children : { name = child.name, arn = child.state_machine_arn }],
    [for child in var.flow.children : { name = "${child.name}-cancel", arn = child.cancel_arn } if child.cancel_arn != null],
  )

  triggers  = flatten([values(var.flow.triggers), [for workflow in var.flow.workflows : values(workflow.triggers)]])
  rules     = [for trigger in local.triggers : trigger if trigger.kind == "event_rule"]
  schedules = [for trigger in local.triggers : trigger if trigger.kind == "schedule"]
  # The last part of a queue's URL is its name.
  queues = [
    for url in compact(concat(
      [for workflow in var.flow.workflows : workflow.failed_queue_url],
      [for trigger in local.triggers : trigger.undelivered_queue_url],
      [for queue in var.flow.queues : queue.url],
      [for topic in var.flow.topics : topic.undelivered_queue_url],
      flatten([for consumer in var.flow.consumers : [consumer.queue_url, consumer.dead_letter_queue_url]]),
    )) : basename(url)
  ]

  alarm_names = concat(var.flow.alarm_names, flatten([
    for parts in [
      values(var.flow.workflows), values(var.flow.children), local.triggers, values(var.flow.functions), values(var.flow.queues),
      values(var.flow.topics), values(var.flow.apis), values(var.flow.tables), values(var.flow.consumers),
    ] : [for part in parts : part.alarm_names]
  ]))

  rows = flatten([
    [
      for machine in local.machines : {
        height  = local.graph_height
        columns = 2
        widgets = [
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = "${trimprefix(machine.name, local.prefix)}: executions"
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
              title = "${trimprefix(machine.name, local.prefix)}: duration"
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
      for api in var.flow.apis : {
        height  = local.graph_height
        columns = 3
        widgets = [
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = "${trimprefix(api.name, local.prefix)}: calls"
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
              title = "${trimprefix(api.name, local.prefix)}: share of errors"
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
              title = "${trimprefix(api.name, local.prefix)}: latency"
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
              for function in var.flow.functions :
              ["AWS/Lambda", widget.metric, "FunctionName", function.name, { label = trimprefix(function.name, local.prefix) }]
            ]
          })
        }
      ]
    },

    [
      for keys in chunklist(keys(var.flow.functions), 4) : {
        height  = local.graph_height
        columns = 4
        widgets = [
          for function in [for key in keys : var.flow.functions[key]] : {
            type = "metric"
            properties = merge(local.graph, local.milliseconds, {
              title = "${trimprefix(function.name, local.prefix)}: duration"
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

    # The metrics of a schedule are those of its group, which has its name.
    [
      for row in [local.schedules] : {
        height  = local.graph_height
        columns = 1
        widgets = [
          {
            type = "metric"
            properties = merge(local.graph, local.count, {
              title = "Schedules: calls"
              metrics = concat([], [
                for schedule in row : [
                  for metric, line in {
                    InvocationAttemptCount                     = { label = "tried", color = local.green }
                    TargetErrorCount                           = { label = "refused", color = local.brown }
                    InvocationDroppedCount                     = { label = "failed", color = local.red }
                    InvocationsSentToDeadLetterCount           = { label = "to the undelivered queue", color = local.orange }
                    InvocationsFailedToBeSentToDeadLetterCount = { label = "lost", color = local.purple }
                  } :
                  ["AWS/Scheduler", metric, "ScheduleGroup", schedule.name, merge(line, { label = "${trimprefix(schedule.name, local.prefix)} ${line.label}" })]
                ]
              ]...)
            })
          },
        ]
      } if length(row) > 0
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
              for rule in local.rules : [
                for metric, line in {
                  Invocations                    = { label = "delivered", color = local.green }
                  FailedInvocations              = { label = "failed", color = local.red }
                  InvocationsSentToDlq           = { label = "to the undelivered queue", color = local.orange }
                  InvocationsFailedToBeSentToDlq = { label = "lost", color = local.purple }
                } :
                concat(
                  ["AWS/Events", metric],
                  # A rule of the default bus is counted without the bus's name.
                  [for part in ["EventBusName", rule.event_bus_name] : part if rule.event_bus_name != "default"],
                  ["RuleName", rule.name, merge(line, { label = "${trimprefix(rule.name, local.prefix)} ${line.label}" })],
                )
              ]
            ]...)
          })
        },
        {
          type = "metric"
          properties = merge(local.graph, local.count, {
            title = "Queues: messages waiting"
            stat  = "Maximum"
            metrics = [
              for queue in local.queues :
              ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { label = trimprefix(queue, local.prefix) }]
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
              [for i, queue in local.queues : [{ expression = "s${i} / 3600", id = "h${i}", label = trimprefix(queue, local.prefix) }]],
              [for i, queue in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, { id = "s${i}", visible = false }]],
            )
          })
        },
      ]
    },
  ])

  # The flow's row on the overview.
  overview = [
    {
      type = "metric"
      properties = merge(local.graph, local.count, {
        title = "Executions"
        metrics = concat([], [
          for machine in var.flow.workflows : [
            for metric, line in {
              ExecutionsSucceeded = { label = "succeeded", color = local.green }
              ExecutionsFailed    = { label = "failed", color = local.red }
            } :
            ["AWS/States", metric, "StateMachineArn", machine.state_machine_arn, merge(line, { label = "${trimprefix(machine.name, local.prefix)} ${line.label}" })]
          ]
        ]...)
      })
    },
    {
      type = "metric"
      properties = merge(local.graph, local.count, {
        title = "Functions: errors"
        metrics = [
          for function in var.flow.functions :
          ["AWS/Lambda", "Errors", "FunctionName", function.name, { label = trimprefix(function.name, local.prefix) }]
        ]
      })
    },
    {
      type = "metric"
      properties = merge(local.graph, local.count, {
        title = "Queues: messages waiting"
        stat  = "Maximum"
        metrics = [
          for queue in local.queues :
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { label = trimprefix(queue, local.prefix) }]
        ]
      })
    },
  ]
}

module "dashboard" {
  source = "../dashboard"

  name = "${var.name_prefix}-${replace(var.name, "_", "-")}"
  rows = local.rows

  alarms = { title = "Alarms of ${var.name}, latest change first", names = local.alarm_names }
}
