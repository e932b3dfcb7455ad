data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  api_name = "${var.platform.name_prefix}-crm-api"
  database = var.platform.database
  # The page, the APIs and the functions check a lead by the same rules.
  lead_schema = file("${path.module}/../../../lambda_src/crm/lead.schema.json")
  lead        = jsondecode(local.lead_schema)
}

# --- from the bus through the state machine --------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the registration of each lead that arrives on the bus."
  event_bus_name = var.platform.event_bus.name
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags

  pattern = jsonencode({
    source        = var.settings.event_pattern.sources
    "detail-type" = var.settings.event_pattern.detail_types
  })
}

module "workflow" {
  source = "../../modules/workflow"

  platform   = var.platform
  flow       = "crm_registration"
  definition = { template = "${path.module}/state_machine.asl.json.tftpl" }

  # Errors that the events cause.
  business_errors = ["InvalidLead", "CrmRejected"]

  failed = {
    name        = "failed-leads"
    description = "Leads that could not be registered wait in failed-leads. Fix what each message names, then redrive it."
  }

  # By state.
  task_functions = {
    ReceiveLead = {
      module      = "receive_lead"
      description = "Takes the lead out of the event, checks it and normalizes it."
    }
    CreateClient  = merge(local.calls_api, { module = "create_client", description = "Registers the lead's client through the CRM API." })
    CreatePartner = merge(local.calls_api, { module = "create_partner", description = "Registers the lead's partner through the CRM API." })
    CreateBenefit = merge(local.calls_api, { module = "create_benefit", description = "Registers the lead's benefit through the CRM API." })
  }
}

locals {
  # One for each endpoint.
  calls_per_lead = length(local.lead["x-endpoints"])

  calls_api = {
    environment = {
      CRM_API_URL        = module.api.url
      CRM_API_KEY_SECRET = module.api.api_key_secret_arn
    }
    statements = {
      ReadApiKey = { actions = ["secretsmanager:GetSecretValue"], resources = [module.api.api_key_secret_pattern] }
    }
  }
}

# --- from the API to the database ------------------------------------------------------------

module "api" {
  source = "../../modules/rest_api"

  name                 = local.api_name
  stage                = var.platform.environment
  throttle             = { rate = local.calls_per_lead * var.settings.api.leads_per_second, burst = 2 * local.calls_per_lead * var.settings.api.leads_per_second }
  usage_plan           = {}
  secret_recovery_days = var.platform.secret_recovery_days
  emulator             = var.platform.emulator
  logs                 = var.platform.logs
  alarm_actions        = var.platform.alarm_actions
  tags                 = module.workflow.tags

  api_key = {
    issuer       = module.api_key_issuer.name
    issuer_alias = module.api_key_issuer.alias
    generation   = var.settings.api.key_generation
  }

  body = templatefile("${path.module}/openapi.yaml.tftpl", {
    title       = local.api_name
    region      = data.aws_region.current.id
    stage       = var.platform.environment
    invoke_uris = { for endpoint, function in module.backend_function : endpoint => function.invoke_uri }
    bodies = {
      for endpoint, fields in local.lead["x-endpoints"] : endpoint => {
        type                 = "object"
        additionalProperties = false
        required             = fields
        properties           = { for field in fields : field => local.lead.properties[field] }
      }
    }
  })
}

module "backend_function" {
  source = "../../modules/lambda_function"

  for_each = {
    create_client  = "Writes the lead's client to CLIENTS."
    create_partner = "Writes the lead's partner to PARTNERS."
    create_benefit = "Writes the lead's benefit to BENEFIT."
  }

  name        = "${local.api_name}-${replace(each.key, "_", "-")}-back"
  canaries    = var.platform.canaries
  description = each.value
  package     = var.platform.packages["crm"]
  handler     = "crm.${each.key}_back.handler"
  environment = local.database_environment
  vpc         = local.database.vpc
  # Below API Gateway's 29 s.
  timeout_seconds      = 25
  reserved_concurrency = var.settings.backend_concurrency
  logs                 = var.platform.logs
  role                 = var.platform.role
  alarm_actions        = var.platform.alarm_actions
  tags                 = module.workflow.tags

  statements = {
    ReadDatabaseCredentials = { actions = ["secretsmanager:GetSecretValue"], resources = [local.database.secret_pattern] }
  }
}

# Operators reach the private database through these.
module "operator_function" {
  source = "../../modules/lambda_function"

  for_each = {
    # Database grants limit this to the SYNTHETIC_* views.
    remove_synthetic = "Removes the rows of a smoke test's lead, and returns how many there were."
    count_rows       = "Counts the rows of given keys, for the reconciliation."
  }

  name            = "${local.api_name}-${replace(each.key, "_", "-")}"
  description     = each.value
  package         = var.platform.packages["crm"]
  handler         = "crm.${each.key}.handler"
  environment     = local.database_environment
  vpc             = local.database.vpc
  timeout_seconds = 25
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags

  statements = {
    ReadDatabaseCredentials = { actions = ["secretsmanager:GetSecretValue"], resources = [local.database.secret_pattern] }
  }
}

# Only this function may write the key's secret; only the task functions may read it.
module "api_key_issuer" {
  source = "../../modules/lambda_function"

  name            = "${local.api_name}-key-issuer"
  description     = "Makes, rotates and removes the key of the CRM API."
  package         = var.platform.packages["api_keys"]
  handler         = "api_keys.issue.handler"
  timeout_seconds = 60
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags

  statements = {
    MakeAndListKeys = {
      actions   = ["apigateway:GET", "apigateway:POST"]
      resources = ["${local.api_gateway}/apikeys"]
    }
    RemoveKeys = {
      actions = ["apigateway:DELETE"]
      # API Gateway chooses a key's identifier when it makes the key.
      resources = ["${local.api_gateway}/apikeys/*"]
    }
    AddKeysToUsagePlan = {
      actions   = ["apigateway:POST"]
      resources = ["${local.api_gateway}/usageplans/${module.api.usage_plan_id}/keys"]
    }
    StoreKey = {
      actions   = ["secretsmanager:PutSecretValue"]
      resources = [module.api.api_key_secret_pattern]
    }
  }
}

locals {
  api_gateway = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.id}::"

  database_environment = merge(
    {
      DATABASE_HOST   = local.database.host
      DATABASE_PORT   = tostring(local.database.port)
      DATABASE_NAME   = local.database.name
      DATABASE_SECRET = local.database.secret_arn
    },
    local.database.ca_certificate == null ? {} : { DATABASE_CA = local.database.ca_certificate },
  )
}

# --- the database's schema -------------------------------------------------------------------

module "migrate" {
  source = "../../modules/lambda_function"

  name            = "${local.api_name}-migrate"
  description     = "Brings the CRM's database to the newest schema."
  package         = var.platform.packages["crm"]
  handler         = "crm.migrate.handler"
  environment     = merge(local.database_environment, { DATABASE_ADMIN_SECRET = local.database.admin_secret_arn })
  vpc             = local.database.vpc
  timeout_seconds = 300
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags

  statements = merge(
    {
      ReadDatabaseCredentials = {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [local.database.secret_pattern, local.database.admin_secret_arn]
      }
    },
    length(local.database.admin_secret_key_arns) == 0 ? {} : {
      DecryptAdministratorsSecret = { actions = ["kms:Decrypt"], resources = local.database.admin_secret_key_arns }
    },
  )
}

resource "aws_lambda_invocation" "migrate" {
  function_name = module.migrate.name
  qualifier     = module.migrate.alias

  # The package holds the migrations; a change of these values runs the function again.
  input = jsonencode({
    package          = var.platform.packages["crm"].sha256_base64
    host             = local.database.host
    port             = local.database.port
    name             = local.database.name
    password_version = local.database.password_version
  })
}
