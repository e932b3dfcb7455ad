# The number that sends to contacts and gets their replies.

locals {
  configuration_set = module.workflow.flow_name
}

resource "aws_pinpointsmsvoicev2_configuration_set" "this" {
  name = local.configuration_set
  tags = module.workflow.tags
}

# Of this flow alone: a phone that sends STOP gets no incident, but other messages of the account.
resource "aws_pinpointsmsvoicev2_opt_out_list" "this" {
  name = module.workflow.flow_name
  tags = module.workflow.tags
}

resource "aws_pinpointsmsvoicev2_phone_number" "this" {
  iso_country_code            = var.settings.number.country
  number_type                 = var.settings.number.type
  message_type                = "TRANSACTIONAL"
  number_capabilities         = ["SMS"]
  opt_out_list_name           = aws_pinpointsmsvoicev2_opt_out_list.this.name
  two_way_channel_enabled     = true
  two_way_channel_arn         = module.replies_topic.existing_arn
  deletion_protection_enabled = var.settings.deletion_protection
  # End User Messaging obeys STOP, and answers HELP.
  self_managed_opt_outs_enabled = false
  tags                          = module.workflow.tags
}
