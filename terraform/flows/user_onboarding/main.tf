data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  sources    = "${path.module}/../../../lambda_src"
  signup     = jsondecode(file("${local.sources}/user_onboarding/signup.schema.json"))
  # Who signs up does not choose the user's id.
  body_fields = [for field in local.signup.required : field if field != "userId"]
  place       = "${data.aws_region.current.name}:${local.account_id}"

  table             = "${module.flow.name}-users"
  bucket            = "${var.platform.name_prefix}-user-spaces-${local.account_id}"
  template          = "${module.flow.name}-welcome"
  configuration_set = module.flow.name
  # Who runs the team's chat makes it and knows its value; Terraform knows its name only.
  webhook_secret = "${var.platform.name_prefix}-team-webhook"
}

# --- from the bus through the state machine --------------------------------------------------

module "flow" {
  source = "../../modules/event_flow"

  platform    = var.platform
  flow        = "user_onboarding"
  description = "Starts the onboarding of each user who signed up."
  pattern     = { sources = ["flowbridge.signup"], detail_types = ["UserSignup"] }

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table             = local.table
      bucket            = local.bucket
      sender            = var.settings.sender
      template          = local.template
      configuration_set = local.configuration_set
      # The role of the event's own tenant, of those that there are.
      tenant_role = "{% $lookup(${local.tenant_roles}, $signup.tenantId) %}"
    }
  }

  failed = {
    name        = "failed-signups"
    description = "Users who could not be onboarded wait in failed-signups. Each message says why; mend that, then send them again."
  }

  # Named as the states; the other states call services directly.
  step_functions = {
    ReceiveSignup = {
      module      = "receive_signup"
      description = "Takes the sign-up out of the event, checks it and gives it its one written form."
      environment = { TENANTS = join(",", var.settings.tenants) }
    }
    NotifyTeam = {
      module      = "notify_team"
      description = "Tells the team of the new user, by a webhook."
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
  # A tenant's users are one partition, to which its role is held.
  keys          = { partition = "tenantId", sort = "userId" }
  keep_data     = var.settings.keep_data
  alarm_actions = var.platform.alarm_actions
  tags          = module.flow.tags
}

module "spaces" {
  source = "../../modules/bucket"

  name       = local.bucket
  keep_data  = var.settings.keep_data
  plain_http = var.platform.emulator_endpoint != null
  tags       = module.flow.tags
}

resource "aws_sesv2_email_identity" "sender" {
  # The domain: its owner proves it once, by the records that the output 'mail_records' names.
  email_identity = regex("@([^>]+)", var.settings.sender)[0]
  tags           = module.flow.tags
}

resource "aws_sesv2_configuration_set" "this" {
  configuration_set_name = local.configuration_set
  tags                   = module.flow.tags

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  suppression_options {
    # Nobody is sent a second mail whom the first did not reach, or who complained of it.
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
