# The other account's half: a workflow, and the API through which the first account runs it. Apply it with
# that account's credentials, and put the output into the settings of the flow.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

# Region and credentials of the other account come from the environment, such as AWS_REGION and
# AWS_PROFILE.
provider "aws" {}

module "audit" {
  source = "../../../terraform/modules/state_machine"

  name       = "account-audit"
  definition = file("${path.module}/audit.asl.json")
  logs       = { retention_days = 30 }
}

module "target" {
  source = "../../../terraform/flows/cross_account_workflow/target"

  name          = "account-audit"
  state_machine = { arn = module.audit.arn, alias_arn = module.audit.alias_arn }
  callers       = var.callers
  logs          = { retention_days = 30 }
  emulator      = var.emulator
  tags          = var.tags
}
