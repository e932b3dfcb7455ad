terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
      # The region of backup_copy; the same as aws without a copy.
      configuration_aliases = [aws.backup_region]
    }
  }
}
