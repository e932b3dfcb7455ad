terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The first run keeps its state beside itself, then moves it into the bucket that it made
  # ('make bootstrap' does both).
  backend "s3" {}
}
