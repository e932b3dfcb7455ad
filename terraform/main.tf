data "aws_partition" "current" {}

locals {
  name_prefix = "${var.project}-${var.environment}"

  # By their owner, which is a flow or the platform. terraform/bootstrap limits an owner's roles to its
  # boundary; the pipeline may create no role without it.
  roles = {
    for owner in concat(["platform"], keys(var.flows)) : owner => {
      path = var.role.path
      permissions_boundary = coalesce(
        var.role.permissions_boundary,
        "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:policy/bootstrap/${local.name_prefix}-${replace(owner, "_", "-")}-boundary",
      )
    }
  }

  # terraform/bootstrap creates it.
  artifact_bucket = "${local.name_prefix}-artifacts-${var.account_id}"
  # Without a named release, the last one that was built here.
  named_release = var.release == null ? {} : { (var.release) = "releases/${var.release}.json" }
  manifest      = jsondecode(var.release == null ? file(var.packages_manifest) : data.aws_s3_object.release[var.release].body)

  packages = {
    for name, package in local.manifest.packages : name => {
      name   = name
      bucket = local.artifact_bucket
      # The digest names the content, so the object never changes.
      key           = "packages/${name}/${package.sha256}.zip"
      sha256_base64 = package.sha256_base64
    }
  }
}

# --- the release: which packages run ---------------------------------------------------------

# 'make release' uploads the packages and their manifest. Packages are promoted unchanged from one
# environment to the next; old ones stay for rollback.
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

# Records the running release; written last. Its history has the earlier ones.
resource "aws_ssm_parameter" "release" {
  # checkov:skip=CKV2_AWS_34:A digest is not a secret
  name        = "/${var.project}/${var.environment}/release"
  description = "The release that runs in ${local.name_prefix}"
  type        = "String"
  value       = local.manifest.release

  # Wait for every flow.
  depends_on = [local.flows]
}

# --- the platform: what an environment has once ----------------------------------------------

module "event_bus" {
  source = "./modules/event_bus"

  name          = local.name_prefix
  archive_days  = var.event_archive_days
  whole_events  = var.event_log
  alarm_actions = [module.observability.topic_arn]
  emulator      = var.emulator
}

module "network" {
  source   = "./modules/network"
  for_each = var.network == null ? {} : { this = var.network }

  name     = "${local.name_prefix}-network"
  settings = each.value
  logs     = var.logs
  role     = local.roles.platform
}

module "database" {
  source    = "./modules/database"
  for_each  = var.database == null ? {} : { this = var.database }
  providers = { aws = aws, aws.backup_region = aws.backup_region }

  name                 = "${local.name_prefix}-database"
  settings             = each.value
  log_retention_days   = var.logs.retention_days
  alarm_actions        = [module.observability.topic_arn]
  emulator             = var.emulator
  network              = one(values(module.network))
  secret_recovery_days = var.secret_recovery_days
}

locals {
  database_limits      = [for database in module.database : database.connections if database.connections != null]
  database_connections = sum(concat([0], [for flow in local.flows : flow.database_connections if try(flow.database_connections, null) != null]))
}

locals {
  # The events of AWS services that flows ask for, each as a pattern.
  aws_events = distinct(flatten([for flow in local.flows : values(try(flow.aws_events, {}))]))
}

# So archive, audit log, reconciliation and replay cover them.
module "aws_events" {
  source   = "./modules/aws_events"
  for_each = length(local.aws_events) == 0 ? {} : { this = local.aws_events }

  name          = "${local.name_prefix}-platform-aws-events"
  patterns      = each.value
  event_bus_arn = module.event_bus.arn
  role          = local.roles.platform
  alarm_actions = [module.observability.topic_arn]
  emulator      = var.emulator
}

# A release of before has no guard.
module "canary_guard" {
  source   = "./modules/canary_guard"
  for_each = var.canary == null ? {} : { for name, package in local.packages : "this" => package if name == "canary_guard" }

  name_prefix      = local.name_prefix
  parameter_prefix = "/${var.project}/${var.environment}/"
  package          = each.value
  logs             = var.logs
  role             = local.roles.platform
  alarm_actions    = [module.observability.topic_arn]
}

module "observability" {
  source = "./modules/observability"

  name            = local.name_prefix
  alarm_receivers = var.alarm_receivers
  emulator        = var.emulator
  database        = one([for database in module.database : database.observed])
  flows           = { for name, dashboard in module.flow_dashboard : name => dashboard.overview }
}

module "flow_dashboard" {
  source = "./modules/flow_dashboard"
  for_each = merge(
    local.flows,
    { audit = { triggers = merge({ audit = module.event_bus.audit_rule }, module.event_bus.whole_event_rule) } },
    { for guard in module.canary_guard : "canary" => guard.observed },
    { for events in module.aws_events : "aws_events" => { triggers = { forward = events.summary } } },
  )

  name_prefix = local.name_prefix
  name        = each.key
  flow        = each.value
}

# A warning: an environment may be deployed before anybody uses it.
check "alarms_have_receivers" {
  assert {
    condition     = var.environment != "prd" || length(var.alarm_receivers) > 0
    error_message = "prd has no alarm_receivers. Add mail addresses or https URLs in envs/prd.tfvars."
  }
}

# --- what each flow gets ---------------------------------------------------------------------

# Types the platform once for all flows: flows and modules pass it on as it is.
module "platform" {
  source = "./modules/platform_contract"

  platform = {
    name_prefix          = local.name_prefix
    environment          = var.environment
    event_bus            = { name = module.event_bus.name, arn = module.event_bus.arn }
    packages             = local.packages
    canaries             = { for function, version in var.stable_versions.functions : function => { stable_version = version, percent = var.canary.percent } }
    machine_canaries     = { for machine, version in var.stable_versions.state_machines : machine => { stable_version = version, percent = coalesce(var.stable_versions.machine_percent, var.canary.percent) } }
    retry                = var.retry
    logs                 = var.logs
    role                 = local.roles.platform
    secret_recovery_days = var.secret_recovery_days
    failed_share         = var.failed_share
    alarm_actions        = [module.observability.topic_arn]
    database             = one(values(module.database))
    emulator             = var.emulator
  }
}

locals {
  platform = module.platform.platform
  # Each flow's roles have the flow's own boundary.
  platforms = { for flow in keys(var.flows) : flow => merge(local.platform, { role = local.roles[flow] }) }

  unknown_settings = flatten([
    for name, settings in var.flows : [
      for setting in try(keys(settings), []) : "${name}.${setting}" if !contains(local.flows[name].settings, setting)
    ]
  ])
}
