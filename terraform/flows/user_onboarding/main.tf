data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  sources    = "${path.module}/../../../lambda_src"
  signup     = jsondecode(file("${local.sources}/user_onboarding/signup.schema.json"))
  # The caller does not choose the user's id.
  body_fields = [for field in local.signup.required : field if field != "userId"]
  place       = "${data.aws_region.current.id}:${local.account_id}"

  table             = "${module.workflow.name}-users"
  bucket            = "${var.platform.name_prefix}-user-spaces-${local.account_id}"
  template          = "${module.workflow.name}-welcome"
  configuration_set = module.workflow.name
  # The team's chat has its owner, who creates the secret; Terraform knows only its name.
  # Events that hold a user_id only.
  short          = coalesce(var.settings.short_events, { sources = [], tenant = "", address = "" })
  webhook_secret = "${var.platform.name_prefix}-team-webhook"
}

# --- from the bus through the state machine --------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the onboarding of each user who signed up."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = concat(["flowbridge.signup"], local.short.sources), "detail-type" = ["UserSignup"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "user_onboarding"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table             = local.table
      bucket            = local.bucket
      sender            = var.settings.sender
      template          = local.template
      configuration_set = local.configuration_set
      # The role of the event's tenant, among those that exist.
      tenant_role = "{% $lookup(${local.tenant_roles}, $signup.tenantId) %}"
    }
  }

  # Errors that the events cause.
  business_errors = ["InvalidSignup", "UserExists"]

  failed = {
    name        = "failed-signups"
    description = "Users who could not be onboarded wait in failed-signups. Fix what each message names, then redrive it."
  }

  # By state; the other states call services directly.
  task_functions = {
    ReceiveSignup = {
      module      = "receive_signup"
      description = "Takes the sign-up out of the event, checks it and normalizes it."
      environment = { TENANTS = join(",", var.settings.tenants), SHORT_EVENTS = var.settings.short_events == null ? "" : jsonencode(local.short) }
    }
    NotifyTeam = {
      module      = "notify_team"
      description = "Posts the new user to the team's webhook."
      environment = { WEBHOOK_SECRET = local.webhook_secret }
      statements = {
        ReadWebhook = {
          actions   = ["secretsmanager:GetSecretValue"]
          resources = ["arn:${local.partition}:secretsmanager:${local.place}:secret:${local.webhook_secret}-??????"]
        }
      }
    }
  }
}

# --- what the user gets ----------------------------------------------------------------------

module "users" {
  source = "../../modules/table"

  name = local.table
  # A tenant's users are one partition, and its role reaches only that one.
  keys = { partition = "tenantId", sort = "userId" }
  # The reconciliation finds a user by the execution that made it.
  indexes             = { execution = { partition = "execution" } }
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

module "spaces" {
  source = "../../modules/bucket"

  name                = local.bucket
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

resource "aws_sesv2_email_identity" "sender" {
  # The domain: its owner proves it once, with the records in the output's mail_records.
  email_identity = regex("@([^>]+)", var.settings.sender)[0]
  tags           = module.workflow.tags
}

resource "aws_sesv2_configuration_set" "this" {
  configuration_set_name = local.configuration_set
  tags                   = module.workflow.tags

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  suppression_options {
    # Do not mail addresses that bounced or complained.
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

resource "aws_ses_template" "welcome" {
  name    = local.template
  subject = "Welcome, {{name}}"
  text    = file("${path.module}/welcome.txt")
  html    = file("${path.module}/welcome.html")
}

# --- from a form to the bus ------------------------------------------------------------------

module "api" {
  source = "../../modules/public_api"

  platform = var.platform
  flow     = "user_onboarding"
  throttle = var.settings
  firewall = var.settings.firewall

  openapi = {
    template = "${path.module}/openapi.yaml.tftpl"
    variables = {
      signup = {
        type                 = "object"
        additionalProperties = false
        required             = local.body_fields
        properties           = { for field in local.body_fields : field => local.signup.properties[field] }
      }
    }
  }

  function = {
    module          = "sign_up"
    description     = "Checks what is sent to POST /signup, and puts it on the bus."
    timeout_seconds = 14
    environment     = { EVENT_BUS_NAME = var.platform.event_bus.name, TENANTS = join(",", var.settings.tenants) }
    statements = {
      PutSignupOnBus = { actions = ["events:PutEvents"], resources = [var.platform.event_bus.arn] }
    }
  }
}
