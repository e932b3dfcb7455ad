# Addresses of the last release, so that its environments keep their resources.

# The form became the front door of crm_registration.
moved {
  from = module.lead_form["lead_form"].module.site
  to   = module.crm_registration["crm_registration"].module.front_door_site["this"]
}

moved {
  from = module.lead_form["lead_form"].module.api
  to   = module.crm_registration["crm_registration"].module.front_door_api["this"]
}

# An environment may have no database.
moved {
  from = module.database
  to   = module.database["this"]
}

moved {
  from = module.observability.aws_cloudwatch_metric_alarm.database
  to   = module.database["this"].aws_cloudwatch_metric_alarm.this
}
