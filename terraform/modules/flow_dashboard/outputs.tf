output "name" {
  description = "Name of the dashboard."
  value       = module.dashboard.name
}

output "overview" {
  description = "What the environment's overview shows of the flow: its dashboard, the widgets of its row, and the names of its alarms."
  value       = { dashboard_name = module.dashboard.name, widgets = local.overview, alarm_names = local.alarm_names }
}
