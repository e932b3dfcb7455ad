# The public form: a page, and an endpoint that checks a lead and puts it on the bus.

locals {
  pages      = "${path.module}/../../../web/crm_registration"
  front_door = var.settings.front_door == null ? {} : { this = var.settings.front_door }
}

module "front_door_site" {
  source   = "../../modules/web_site"
  for_each = local.front_door

  name          = "${var.platform.name_prefix}-lead-form"
  description   = "The form in which people leave their data, ${var.platform.name_prefix}"
  api           = { host = module.front_door_api[each.key].host, stage = module.front_door_api[each.key].stage, paths = ["/leads"] }
  domain        = each.value.domain
  firewall      = each.value.firewall
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags

  files = {
    "index.html"       = { content = file("${local.pages}/index.html"), content_type = "text/html; charset=utf-8" }
    "style.css"        = { content = file("${local.pages}/style.css"), content_type = "text/css; charset=utf-8" }
    "texts.js"         = { content = file("${local.pages}/texts.js"), content_type = "text/javascript; charset=utf-8" }
    "form.js"          = { content = file("${local.pages}/form.js"), content_type = "text/javascript; charset=utf-8" }
    "lead.schema.json" = { content = local.lead_schema, content_type = "application/json" }
    # The API is below the page's own address.
    "config.json" = { content = jsonencode({ leads_url = "leads" }), content_type = "application/json", cache_seconds = 60 }
  }
}

module "front_door_api" {
  source   = "../../modules/public_api"
  for_each = local.front_door

  platform = var.platform
  flow     = "crm_registration"
  name     = "lead_form"
  throttle = each.value

  openapi = {
    template = "${path.module}/front_door.yaml.tftpl"
    variables = {
      lead = {
        type                 = "object"
        additionalProperties = false
        required             = local.lead.required
        properties           = local.lead.properties
      }
    }
  }

  function = {
    module      = "put_lead"
    description = "Checks what the lead form sends, and puts it on the bus."
    # Below the 15 s that the page waits.
    timeout_seconds = 14
    environment     = { EVENT_BUS_NAME = var.platform.event_bus.name }
    statements = {
      PutLeadOnBus = { actions = ["events:PutEvents"], resources = [var.platform.event_bus.arn] }
    }
  }
}
