provider "aws" {
  region = var.region
  # An environment's file cannot be applied to another environment's account.
  allowed_account_ids = [var.account_id]
  # The emulator serves buckets by path; the AWS endpoint comes from AWS_ENDPOINT_URL.
  s3_use_path_style = var.emulator != null

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
    }
  }
}

# The region to which the database's backups are copied, if they are.
provider "aws" {
  alias               = "backup_region"
  region              = try(coalesce(var.database.rds.backup_copy.region), var.region)
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
    }
  }
}
