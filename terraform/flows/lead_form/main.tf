data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name     = "${var.name_prefix}-lead-form"
  api_name = "${local.name}-api"
  tags     = { flow = "lead_form" }
  pages    = "${path.module}/../../../web/lead_form"
  # The page checks what is typed by the same rules as the functions.
  schema     = file("${path.module}/../../../lambda_src/crm_registration/lead.schema.json")
  lead       = jsondecode(local.schema)
  invoke_uri = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.name}:lambda:path/2015-03-31/functions"

  canary = try(var.canary.stable_versions["${local.name}-put-lead"], null)
}

# --- the page --------------------------------------------------------------------------------

module "site" {
  source = "../../modules/web_site"

  name              = local.name
  description       = "The form in which people leave their data, ${var.name_prefix}"
  api               = { host = module.api.host, stage = module.api.stage, paths = ["/leads"] }
  domain            = var.settings.domain
  emulator_endpoint = var.emulator_endpoint
  alarm_actions     = var.alarm_actions
  tags              = local.tags

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
  source = "../../modules/rest_api"

  name              = local.api_name
  stage             = var.environment
  throttle          = { rate = var.settings.rate, burst = var.settings.burst }
  emulator_endpoint = var.emulator_endpoint
  logs              = var.logs
  # Anybody may send nonsense here, so a share of refusals is no news.
  alarm         = { client_error_share = 0.5, latency_seconds = 5 }
  alarm_actions = var.alarm_actions
  tags          = local.tags

  body = templatefile("${path.module}/openapi.yaml.tftpl", {
    title      = local.api_name
    invoke_uri = "${local.invoke_uri}/${module.put_lead.alias_arn}/invocations"
    lead = {
      type                 = "object"
      additionalProperties = false
      required             = local.lead.required
      properties           = local.lead.properties
    }
  })
}

module "put_lead" {
  source = "../../modules/lambda_function"

  name        = "${local.name}-put-lead"
  canary      = local.canary == null ? null : { stable_version = local.canary, percent = var.canary.percent }
  description = "Checks what the lead form sends, and puts it on the bus."
  package     = var.packages["lead_form"]
  handler     = "lead_form.put_lead.handler"
  environment = { EVENT_BUS_NAME = var.event_bus.name }
  # Below the 15 s that the page waits.
  timeout_seconds = 14
  logs            = var.logs
  role            = var.role
  alarm_actions   = var.alarm_actions
  tags            = local.tags

  statements = {
    PutLeadOnBus = { actions = ["events:PutEvents"], resources = [var.event_bus.arn] }
  }
}
