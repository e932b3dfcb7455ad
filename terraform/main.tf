locals {
  name_prefix = "${var.project}-${var.environment}"
  manifest    = jsondecode(file(var.packages_manifest))

  packages = {
    for name, package in local.manifest.packages : name => {
      bucket        = aws_s3_object.package[name].bucket
      key           = aws_s3_object.package[name].key
      sha256_base64 = package.sha256_base64
      release       = local.manifest.release
    }
  }
}

# --- the packages ----------------------------------------------------------------------------

# Functions take their packages from S3: given as files, the provider makes one function at a time.
resource "aws_s3_object" "package" {
  for_each = local.manifest.packages

  # The bucket that terraform/bootstrap made.
  bucket = "${local.name_prefix}-artifacts-${var.account_id}"
  # The digest stands for the content: what did not change is not sent again.
  key    = "packages/${each.key}/${each.value.sha256}.zip"
  source = "${dirname(var.packages_manifest)}/${each.value.file}"

  lifecycle {
    # A function's new version is made before the zip of the one before goes.
    create_before_destroy = true
  }
}

# --- the platform: what an environment has once ----------------------------------------------

module "event_bus" {
  source = "./modules/event_bus"

  name         = local.name_prefix
  archive_days = var.event_archive_days
}

module "database" {
  source = "./modules/database"

  name                 = "${local.name_prefix}-database"
  settings             = var.database
  network              = var.network
  secret_recovery_days = var.secret_recovery_days
}

# --- the flows -------------------------------------------------------------------------------

module "crm_registration" {
  source = "./flows/crm_registration"

  name_prefix          = local.name_prefix
  environment          = var.environment
  packages             = local.packages
  api                  = var.api
  retry                = var.retry
  backend_concurrency  = var.backend_concurrency
  logs                 = var.logs
  secret_recovery_days = var.secret_recovery_days
  emulator_endpoint    = var.emulator_endpoint
  role                 = var.role
  alarm_actions        = var.alarm_actions

  event_bus = {
    name = module.event_bus.name
    arn  = module.event_bus.arn
  }

  database = {
    host             = module.database.host
    port             = module.database.port
    name             = module.database.name
    secret_arn       = module.database.secret_arn
    secret_pattern   = module.database.secret_pattern
    admin_secret_arn = module.database.admin_secret_arn
    password_version = module.database.password_version
    vpc              = module.database.vpc
  }
}
