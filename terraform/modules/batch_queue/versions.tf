terraform {
  required_version = ">= 1.11"

  required_providers {
    # 6.0 renamed compute_environment_name of the compute environment.
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6"
    }
  }
}
