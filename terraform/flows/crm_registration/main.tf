data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  api_name = "${var.platform.name_prefix}-crm-api"
  sources  = "${path.module}/../../../lambda_src"
  lead     = jsondecode(file("${local.sources}/crm_registration/lead.schema.json"))
}

# --- from the bus through the state machine --------------------------------------------------

module "flow" {
  source = "../../modules/event_flow"

  platform    = var.platform
  flow        = "crm_registration"
  description = "Starts the registration of each lead that arrives on the bus."
  pattern     = var.event_pattern

  definition = { template = "${path.module}/state_machine.asl.json.tftpl" }

  failed = {
    name        = "failed-leads"
    description = "Leads that could not be registered wait in failed-leads. Each message says why; mend that, then send them again."
  }

  # Named as the states.
  step_functions = {
    ReceiveLead = {
      module      = "receive_lead"
      description = "Takes the lead out of the event, checks it and gives it its one written form."
    }
    CreateClient  = merge(local.calls_api, { module = "create_client", description = "Has the CRM API register the lead's client." })
    CreatePartner = merge(local.calls_api, { module = "create_partner", description = "Has the CRM API register the lead's partner." })
    CreateBenefit = merge(local.calls_api, { module = "create_benefit", description = "Has the CRM API register the lead's benefit." })
  }
}

locals {
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
  throttle             = { rate = var.api.rate, burst = var.api.burst }
  quota_per_month      = var.api.quota_per_month
  secret_recovery_days = var.platform.secret_recovery_days
  emulator_endpoint    = var.platform.emulator_endpoint
  logs                 = var.platform.logs
  alarm_actions        = var.platform.alarm_actions
  tags                 = module.flow.tags

  api_key = {
    issuer       = module.api_key_issuer.name
    issuer_alias = module.api_key_issuer.alias
    generation   = var.api.key_generation
  }

  body = templatefile("${path.module}/openapi.yaml.tftpl", {
    title       = local.api_name
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
  package     = var.platform.packages["crm_api"]
  handler     = "crm_api.${each.key}_back.handler"
  environment = local.database_environment
  vpc         = var.database.vpc
  # Below API Gateway's 29 s.
  timeout_seconds      = 25
  reserved_concurrency = var.backend_concurrency
  logs                 = var.platform.logs
  role                 = var.platform.role
  alarm_actions        = var.platform.alarm_actions
  tags                 = module.flow.tags

  statements = {
    ReadDatabaseCredentials = { actions = ["secretsmanager:GetSecretValue"], resources = [var.database.secret_pattern] }
  }
}

# What operators ask of the database, which is private.
module "operator_function" {
  source = "../../modules/lambda_function"

  for_each = {
    # What it may delete, the database decides.
    remove_synthetic = "Removes what a smoke test's lead wrote, and tells what that was."
    count_rows       = "Tells which rows are there, for the reconciliation."
  }

  name            = "${local.api_name}-${replace(each.key, "_", "-")}"
  description     = each.value
  package         = var.platform.packages["crm_api"]
  handler         = "crm_api.${each.key}.handler"
  environment     = local.database_environment
  vpc             = var.database.vpc
  timeout_seconds = 25
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.flow.tags

  statements = {
    ReadDatabaseCredentials = { actions = ["secretsmanager:GetSecretValue"], resources = [var.database.secret_pattern] }
  }
}

# It alone may write the key to its secret, and nobody may read it there but the step functions.
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
  tags            = module.flow.tags

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
  api_gateway = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.name}::"

  database_environment = merge(
    {
      DATABASE_HOST   = var.database.host
      DATABASE_PORT   = tostring(var.database.port)
      DATABASE_NAME   = var.database.name
      DATABASE_SECRET = var.database.secret_arn
    },
    var.database.ca_certificate == null ? {} : { DATABASE_CA = var.database.ca_certificate },
  )
}

# --- the database's schema -------------------------------------------------------------------

module "migrate" {
  source = "../../modules/lambda_function"

  name            = "${local.api_name}-migrate"
  description     = "Brings the CRM's database to the newest schema."
  package         = var.platform.packages["crm_api"]
  handler         = "crm_api.migrate.handler"
  environment     = merge(local.database_environment, { DATABASE_ADMIN_SECRET = var.database.admin_secret_arn })
  vpc             = var.database.vpc
  timeout_seconds = 300
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.flow.tags

  statements = merge(
    {
      ReadDatabaseCredentials = {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [var.database.secret_pattern, var.database.admin_secret_arn]
      }
    },
    length(var.database.admin_secret_key_arns) == 0 ? {} : {
      DecryptAdministratorsSecret = { actions = ["kms:Decrypt"], resources = var.database.admin_secret_key_arns }
    },
  )
}

resource "aws_lambda_invocation" "migrate" {
  function_name = module.migrate.name
  qualifier     = module.migrate.alias

  # The migrations are in the package; a change of these values has the function run again.
  input = jsonencode({
    package          = var.platform.packages["crm_api"].sha256_base64
    host             = var.database.host
    port             = var.database.port
    name             = var.database.name
    password_version = var.database.password_version
  })
}
