data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # The emulator chooses its port when it starts.
  emulator = try(var.platform.emulator.endpoint, "")
  place    = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
}

# --- the state machine, and the rule for redriven revisions ----------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the publication of a revision that is redriven."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.cms"], "detail-type" = ["Article Revision"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "article_publishing"

  # Dev.to's list of all posts may have several pages.
  timeout_seconds = 60

  definition = { template = "${path.module}/state_machine.asl.json.tftpl" }

  # Errors that the articles cause; a busy target only asks to wait.
  business_errors = ["InvalidArticle", "TargetRefused", "TargetBusy"]

  failed = {
    name        = "failed-articles"
    description = "Revisions that are not everywhere yet wait in failed-articles. Fix what each message names, then redrive it."
  }

  # By state.
  task_functions = {
    for state, step in local.steps : state => {
      module      = step.module
      description = step.description
      environment = merge(step.environment, {
        TARGET_URL    = replace(step.url, "{emulator}", local.emulator)
        TARGET_SECRET = aws_secretsmanager_secret.this[step.target].arn
      })
      statements = {
        ReadTarget = { actions = ["secretsmanager:GetSecretValue"], resources = [local.secret_patterns[step.target]] }
      }
    }
  }
}

locals {
  steps = {
    PublishToMedium = {
      target      = "medium"
      module      = "publish_to_medium"
      description = "Posts the article on Medium, unless it is there."
      url         = var.settings.medium.url
      environment = { MEDIUM_FEED_URL = replace(var.settings.medium.feed_url, "{emulator}", local.emulator) }
    }
    PublishToDevto = {
      target      = "devto"
      module      = "publish_to_devto"
      description = "Posts the article on Dev.to, or changes the post."
      url         = var.settings.devto.url
      environment = {}
    }
    PublishToHashnode = {
      target      = "hashnode"
      module      = "publish_to_hashnode"
      description = "Posts the article on Hashnode, or changes the post."
      url         = var.settings.hashnode.url
      environment = { HASHNODE_HOST = var.settings.hashnode.host }
    }
    IndexInOpenSearch = {
      target      = "opensearch"
      module      = "index_in_opensearch"
      description = "Writes the article to the index, unless a newer revision is there."
      url         = var.settings.opensearch.url
      environment = { OPENSEARCH_INDEX = var.settings.opensearch.index }
    }
  }

  secrets = merge({
    webhook    = "Secret with which the CMS signs requests of its webhook"
    medium     = "Integration token of Medium"
    devto      = "API key of Dev.to"
    hashnode   = "Personal access token of Hashnode"
    opensearch = "User of OpenSearch, as {\"username\", \"password\"}"
  }, var.settings.cms == null ? {} : { cms = "Token that may read the CMS" })

  # Known at plan time: Secrets Manager adds six characters to the name.
  secret_patterns = {
    for secret in keys(local.secrets) :
    secret => "arn:${data.aws_partition.current.partition}:secretsmanager:${local.place}:secret:${module.workflow.name}-${secret}-??????"
  }
}

# The owners of the targets put the values in; Terraform never sees them.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV_AWS_149:The key that AWS manages for the account keeps other accounts out
  # checkov:skip=CKV2_AWS_57:Other companies issue these tokens; the functions read a new one by themselves
  for_each = local.secrets

  name                    = "${module.workflow.name}-${each.key}"
  description             = "${each.value}; its owner puts it here"
  recovery_window_in_days = var.platform.secret_recovery_days
  tags                    = module.workflow.tags
}

# --- from the CMS to the state machine -------------------------------------------------------

module "api" {
  source = "../../modules/public_api"

  platform = var.platform
  flow     = "article_publishing"
  throttle = var.settings
  firewall = var.settings.firewall
  openapi  = { template = "${path.module}/openapi.yaml.tftpl" }

  function = {
    module          = "receive_webhook"
    description     = "Checks what the CMS sends, makes an article of it, and starts its publication."
    timeout_seconds = 25
    environment = merge({
      SITE_URL          = var.settings.site_url
      STATE_MACHINE_ARN = module.workflow.alias_arn
      WEBHOOK_SECRET    = aws_secretsmanager_secret.this["webhook"].arn
      }, var.settings.cms == null ? {} : {
      CMS_QUERY_URL = replace(var.settings.cms.query_url, "{emulator}", local.emulator)
      CMS_SECRET    = aws_secretsmanager_secret.this["cms"].arn
    })
    statements = merge({
      ReadWebhookSecret = { actions = ["secretsmanager:GetSecretValue"], resources = [local.secret_patterns["webhook"]] }
      # Starting an alias takes the right on the state machine itself.
      StartPublication = { actions = ["states:StartExecution"], resources = [module.workflow.state_machine_arn] }
      }, var.settings.cms == null ? {} : {
      ReadCmsSecret = { actions = ["secretsmanager:GetSecretValue"], resources = [local.secret_patterns["cms"]] }
    })
  }
}
