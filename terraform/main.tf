data "aws_partition" "current" {}

locals {
  name_prefix = "${var.project}-${var.environment}"

  role = {
    path = var.role.path
    # What terraform/bootstrap allows roles at most. The pipeline may make no role without it.
    permissions_boundary = coalesce(
      var.role.permissions_boundary,
      "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:policy/bootstrap/${local.name_prefix}-boundary",
    )
  }

  # What terraform/bootstrap named it.
  artifact_bucket = "${local.name_prefix}-artifacts-${var.account_id}"
  # Unless a release is named, it is the one that was built here last.
  named_release = var.release == null ? {} : { (var.release) = "releases/${var.release}.json" }
  manifest      = jsondecode(var.release == null ? file(var.packages_manifest) : data.aws_s3_object.release[var.release].body)

  packages = {
    for name, package in local.manifest.packages : name => {
      name   = name
      bucket = local.artifact_bucket
      # The digest stands for the content, which nobody can replace.
      key           = "packages/${name}/${package.sha256}.zip"
      sha256_base64 = package.sha256_base64
    }
  }
}

# --- the release: which packages run ---------------------------------------------------------

# 'make release' puts the packages and their manifest there. Functions take their code from S3 in
# every environment: the same bytes go from one to the next, and those of before stay for a rollback.
data "aws_s3_object" "release" {
  for_each = local.named_release

  bucket = local.artifact_bucket
  key    = each.value

  lifecycle {
    postcondition {
      condition     = jsondecode(self.body).release == each.key
      error_message = "${each.value} in ${local.artifact_bucket} is the manifest of another release. Release it again: 'make release'."
    }
  }
}

# Says which release runs, once all of it does; its history says which ran before.
resource "aws_ssm_parameter" "release" {
  # checkov:skip=CKV2_AWS_34:A digest is no secret
  name        = "/${var.project}/${var.environment}/release"
  description = "The release that runs in ${local.name_prefix}"
  type        = "String"
  value       = local.manifest.release

  # Whatever flow is merged into these is waited for, whole.
  depends_on = [local.flows]
}

# --- the platform: what an environment has once ----------------------------------------------

module "event_bus" {
  source = "./modules/event_bus"

  name          = local.name_prefix
  archive_days  = var.event_archive_days
  alarm_actions = [module.observability.topic_arn]
  plain_http    = var.emulator_endpoint != null
}

module "network" {
  source   = "./modules/network"
  for_each = var.network == null ? {} : { this = var.network }

  name     = "${local.name_prefix}-network"
  settings = each.value
  logs     = var.logs
  role     = local.role
}

module "database" {
  source = "./modules/database"

  name                 = "${local.name_prefix}-database"
  settings             = var.database
  log_retention_days   = var.logs.retention_days
  emulator_ca          = var.emulator_database_ca
  network              = one(values(module.network))
  secret_recovery_days = var.secret_recovery_days
}

module "observability" {
  source = "./modules/observability"

  name            = local.name_prefix
  alarm_receivers = var.alarm_receivers
  plain_http      = var.emulator_endpoint != null
  # What RDS calls the instance that module.database makes.
  database = var.database.mode == "rds" ? { identifier = "${local.name_prefix}-database" } : null
  flows    = merge({ for name, flow in local.flows : name => merge(flow.observed, { functions = flow.functions }) }, { audit = module.event_bus.observed })
}

# A warning: an environment that nobody has in use yet may do without.
check "alarms_are_heard" {
  assert {
    condition     = var.environment != "prd" || length(var.alarm_receivers) > 0
    error_message = "Nobody hears the alarms of prd: name mail addresses or https URLs in alarm_receivers of envs/prd.tfvars."
  }
}

# --- the flows -------------------------------------------------------------------------------

locals {
  # What the flows that are switched on say of themselves, by name.
  flows = merge(module.crm_registration, module.lead_form, module.user_onboarding, module.article_publishing)
  # Those of them that an event starts.
  started_flows = { for name, flow in local.flows : name => flow if contains(keys(flow), "state_machine_arn") }

  # What each of them gets of the environment.
  platform = {
    name_prefix          = local.name_prefix
    environment          = var.environment
    event_bus            = { name = module.event_bus.name, arn = module.event_bus.arn }
    packages             = local.packages
    canaries             = { for function, version in var.stable_versions : function => { stable_version = version, percent = var.canary.percent } }
    retry                = var.retry
    logs                 = var.logs
    role                 = local.role
    secret_recovery_days = var.secret_recovery_days
    emulator_endpoint    = var.emulator_endpoint
    alarm_actions        = [module.observability.topic_arn]
  }
}

module "crm_registration" {
  source   = "./flows/crm_registration"
  for_each = toset([for flow in var.flows : flow if flow == "crm_registration"])

  platform            = local.platform
  api                 = var.api
  backend_concurrency = var.backend_concurrency
  database            = module.database
}

module "lead_form" {
  source   = "./flows/lead_form"
  for_each = toset([for flow in var.flows : flow if flow == "lead_form"])

  platform = local.platform
  settings = var.lead_form
}

module "user_onboarding" {
  source   = "./flows/user_onboarding"
  for_each = toset([for flow in var.flows : flow if flow == "user_onboarding"])

  platform = local.platform
  settings = var.user_onboarding
}

module "article_publishing" {
  source   = "./flows/article_publishing"
  for_each = toset([for flow in var.flows : flow if flow == "article_publishing"])

  platform = local.platform
  settings = var.article_publishing
}
