locals {
  alarms = merge([
    for database in values(local.rds) : {
      connections = {
        metric     = "DatabaseConnections"
        comparison = "GreaterThanThreshold"
        threshold  = database.alarm.connections
        text       = "has more than ${database.alarm.connections} connections. Its instance class refuses more than it takes."
      }
      cpu = {
        metric     = "CPUUtilization"
        comparison = "GreaterThanThreshold"
        threshold  = database.alarm.cpu_percent
        text       = "has been busy for more than ${database.alarm.cpu_percent} % of 15 minutes. Performance Insights shows the statements."
      }
      storage = {
        metric     = "FreeStorageSpace"
        comparison = "LessThanThreshold"
        threshold  = database.alarm.free_storage_gib * 1024 * 1024 * 1024
        text       = "has less than ${database.alarm.free_storage_gib} GiB left; when it is full, it stops. Raise storage_gb."
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
