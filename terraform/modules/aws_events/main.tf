locals {
  # EventBridge reads "$or" with one alternative as the name of a field.
  pattern = length(var.patterns) == 1 ? jsonencode(var.patterns[0]) : jsonencode({ "$or" = var.patterns })
}

# One rule for all patterns, so that an event that fits several of them arrives once.
module "rule" {
  source = "../event_rule"

  name           = var.name
  description    = "Forwards the events of AWS services that flows ask for."
  event_bus_name = "default"
  pattern        = local.pattern
  target_arn     = var.event_bus_arn
  role           = var.role
  alarm_actions  = var.alarm_actions
  emulator       = var.emulator
  tags           = var.tags
}
