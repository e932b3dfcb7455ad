terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Region and credentials come from the environment, such as AWS_REGION and AWS_PROFILE.
provider "aws" {}

module "orders" {
  source = "../.."

  name = "example-orders"
  keys = { partition = "customerId", sort = "orderId" }
  # Lets 'terraform destroy' delete the example. Set it to true for data that you keep.
  deletion_protection = false
}
