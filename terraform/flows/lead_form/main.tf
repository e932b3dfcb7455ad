locals {
  pages = "${path.module}/../../../web/lead_form"
  # The page checks what is typed by the same rules as the functions.
  schema = file("${path.module}/../../../lambda_src/crm_registration/lead.schema.json")
  lead   = jsondecode(local.schema)
}

# --- the page --------------------------------------------------------------------------------

module "site" {
  source = "../../modules/web_site"

  name              = "${var.platform.name_prefix}-lead-form"
  description       = "The form in which people leave their data, ${var.platform.name_prefix}"
  api               = { host = module.api.host, stage = module.api.stage, paths = ["/leads"] }
  domain            = var.settings.domain
  emulator_endpoint = var.platform.emulator_endpoint
  alarm_actions     = var.platform.alarm_actions
  tags              = { flow = "lead_form" }

  files = {
    "index.html"       = { content = file("${local.pages}/index.html"), content_type = "text/html; charset=utf-8" }
    "style.css"        = { content = file("${local.pages}/style.css"), content_type = "text/css; charset=utf-8" }
    "texts.js"         = { content = file("${local.pages}/texts.js"), content_type = "text/javascript; charset=utf-8" }
    "form.js"          = { content = file("${local.pages}/form.js"), content_type = "text/javascript; charset=utf-8" }
    "lead.schema.json" = { content = local.schema, content_type = "application/json" }
    # The API is below the page's own address.
    "config.json" = { content = jsonencode({ leads_url = "leads" }), content_type = "application/json", cache_seconds = 60 }
  }
}

# --- from the page to the bus ----------------------------------------------------------------

module "api" {
  source = "../../modules/public_api"

  platform = var.platform
  flow     = "lead_form"
  throttle = var.settings

  openapi = {
    template = "${path.module}/openapi.yaml.tftpl"
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
