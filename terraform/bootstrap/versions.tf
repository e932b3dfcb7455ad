terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  # 'make bootstrap' keeps the first run's state in a local file, then moves it into the new bucket.
  backend "s3" {}
}
