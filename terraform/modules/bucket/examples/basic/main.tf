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

data "aws_caller_identity" "current" {}

module "invoices" {
  source = "../.."

  # All accounts share the names of buckets.
  name = "example-invoices-${data.aws_caller_identity.current.account_id}"
  # Lets 'terraform destroy' delete the example. Set it to true for data that you keep.
  deletion_protection = false
  sends_events        = true

  lifecycle_rules = {
    archive = { prefix = "paid/", tags = { archived = "true" }, move_after_days = { GLACIER_IR = 30 }, delete_after_days = 2190 }
    marked  = { tags = { temporary = "true" }, delete_after_days = 1 }
    drafts  = { prefix = "drafts/", move_old_versions_after_days = { STANDARD_IA = 30 }, delete_old_versions_after_days = 60 }
  }
}
