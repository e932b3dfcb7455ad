data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  sources = "${path.module}/../../../lambda_src"
  request = jsondecode(file("${local.sources}/business_rules/request.schema.json"))
  place   = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  table   = "${module.workflow.name}-audit"

  # The emulator plays an engine where the environment has none.
  engine = (
    var.settings.engine.url != null
    ? var.settings.engine
    : { url = "${try(var.platform.emulator.endpoint, "")}/_rules", token_secret = "${var.platform.name_prefix}-rules-engine" }
  )
}

module "api" {
  source = "../../modules/workflow_api"

  name          = "${module.workflow.name}-api"
  description   = "Applies the business rules to a request, and answers the policy with its new premium."
  stage         = var.platform.environment
  throttle      = { rate = var.settings.rate, burst = var.settings.burst }
  logs          = var.platform.logs
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
  callers       = length(var.settings.callers) == 0 ? null : { principals = var.settings.callers }

  openapi = {
    template  = "${path.module}/openapi.yaml.tftpl"
    variables = { request = { for key, value in local.request : key => value if !contains(["$schema", "title"], key) } }
  }

  targets = {
    "POST /ExecuteRuleSet" = {
      execute = module.workflow.alias_arn
      errors = {
        InvalidRequest      = { status = 422, cause = true }
        RequestIdTaken      = { status = 409, cause = true }
        EngineRejected      = { status = 502 }
        EngineAnswerInvalid = { status = 502 }
        EngineUnavailable   = { status = 503 }
        AuditFailed         = { status = 503 }
      }
    }
  }
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "business_rules"
  # A caller waits for the answer.
  type = "EXPRESS"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table         = local.table
      audit_seconds = var.settings.audit_days * 24 * 60 * 60
    }
  }

  # Errors that the requests cause.
  business_errors = ["InvalidRequest", "RequestIdTaken"]

  failed = {
    name        = "failed-requests"
    description = "Requests that got no premium wait in failed-requests; their callers know. Fix what each message names."
  }

  # By state; the other states call DynamoDB directly.
  task_functions = {
    ExecuteRules = {
      module      = "execute_rules"
      description = "Has the rules engine compute the premium."
      environment = merge(
        { ENGINE_URL = local.engine.url },
        { for secret in local.engine.token_secret[*] : "ENGINE_TOKEN_SECRET" => secret },
      )
      statements = {
        for secret in local.engine.token_secret[*] : "ReadEngineToken" => {
          actions   = ["secretsmanager:GetSecretValue"]
          resources = ["arn:${data.aws_partition.current.partition}:secretsmanager:${local.place}:secret:${secret}-??????"]
        }
      }
    }
  }
}

module "audit" {
  source = "../../modules/table"

  name = local.table
  # A request and its answer are two items of one partition.
  keys                = { partition = "request_id", sort = "entry_type" }
  ttl_attribute       = "expires_at"
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}
