# The limits of a server follow from its instance class and its storage, and the alarms from these.
locals {
  class_parts = { for key, database in local.rds : key => regex("^db\\.(?P<family>[tmrx])[0-9][a-z]*\\.(?P<size>[a-z0-9]+)$", database.instance_class) }

  # A large has two vCPUs, an xlarge four, an Nxlarge N times four.
  vcpus = {
    for key, class in local.class_parts : key =>
    class.size == "large" ? 2 : class.size == "xlarge" ? 4 : try(4 * tonumber(trimsuffix(class.size, "xlarge")), 0)
  }
  gib_per_vcpu = { t = 4, m = 4, r = 8, x = 16 }
  memory_gib = {
    for key, class in local.class_parts : key =>
    lookup({ micro = 1, small = 2, medium = 4 }, class.size, local.vcpus[key] * local.gib_per_vcpu[class.family])
  }

  # As many as RDS allows by default: one for each 24 MiB. Set, so that the alarm knows the number.
  max_connections = { for key, gib in local.memory_gib : key => min(12000, floor(gib * 1024 / 24)) }

  thresholds = {
    for key, database in local.rds : key => {
      connections      = floor(local.max_connections[key] * database.alarm.connections_percent / 100)
      cpu_percent      = database.alarm.cpu_percent
      free_storage_gib = database.storage_gb * database.alarm.free_storage_percent / 100
      free_memory_mib  = floor(local.memory_gib[key] * 1024 * database.alarm.free_memory_percent / 100)
    }
  }

  alarms = merge([
    for key, threshold in local.thresholds : {
      connections = {
        metric     = "DatabaseConnections"
        comparison = "GreaterThanThreshold"
        threshold  = threshold.connections
        text       = "has more than ${threshold.connections} connections and refuses more than ${local.max_connections[key]}. Choose a larger instance_class or lower the flows' concurrency."
      }
      cpu = {
        metric     = "CPUUtilization"
        comparison = "GreaterThanThreshold"
        threshold  = threshold.cpu_percent
        text       = "has been busy for more than ${threshold.cpu_percent} % of 15 minutes.${local.has_insights[key] ? " Database Insights shows the statements." : ""}"
      }
      memory = {
        metric     = "FreeableMemory"
        comparison = "LessThanThreshold"
        threshold  = threshold.free_memory_mib * 1024 * 1024
        text       = "has less than ${threshold.free_memory_mib} MiB of memory left; without any, it restarts. Choose a larger instance_class."
      }
      storage = {
        metric     = "FreeStorageSpace"
        comparison = "LessThanThreshold"
        threshold  = threshold.free_storage_gib * 1024 * 1024 * 1024
        text       = "has less than ${threshold.free_storage_gib} GiB of storage left, and RDS has not added any; when it is full, it stops. Raise storage_gb."
      }
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "The database ${var.name} ${each.value.text}"
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = var.name }
  statistic           = "Average"
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = var.tags
}
