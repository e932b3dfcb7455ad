output "name" {
  description = "Name of the dashboard."
  value       = module.dashboard.name
}

output "overview" {
  description = "Parts for the environment's overview: the flow's dashboard, the widgets of its row, and its alarm names."
  value       = { dashboard_name = module.dashboard.name, widgets = local.overview, alarm_names = local.alarm_names }
}
