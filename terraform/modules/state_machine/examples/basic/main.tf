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

module "parcels" {
  source = "../../../queue"

  name  = "example-parcels"
  alarm = { description = "Parcels wait for more than three days." }
}

# The role may send to this one queue, which follows from the definition.
module "shipping" {
  source = "../.."

  name       = "example-shipping"
  definition = templatefile("${path.module}/shipping.asl.json.tftpl", { queue_url = module.parcels.url })
  logs       = { retention_days = 30 }
}
