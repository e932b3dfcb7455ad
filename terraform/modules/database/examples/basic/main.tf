terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

# Region and credentials come from the environment, such as AWS_REGION and AWS_PROFILE.
provider "aws" {}

# The owners of the server put the administrator's credentials here: {"username", "password"}.
resource "aws_secretsmanager_secret" "admin" {
  name                    = "example-crm-admin"
  recovery_window_in_days = 0
}

module "database" {
  source = "../.."
  # For copies of the backups, a provider of another region.
  providers = { aws = aws, aws.backup_region = aws }

  name                 = "example-crm"
  secret_recovery_days = 0
  log_retention_days   = 30

  # For a server on RDS: { mode = "rds", rds = { name = "crm" } }, and the network that it is in.
  settings = {
    mode = "on_premises"
    on_premises = {
      host              = "crm.example.internal"
      name              = "crm"
      admin_secret_name = aws_secretsmanager_secret.admin.name
    }
  }

  # The module looks the secret up by its name.
  depends_on = [aws_secretsmanager_secret.admin]
}
