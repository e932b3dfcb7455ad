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

module "dashboard" {
  source = "../.."

  name = "example-lambda"

  rows = [
    {
      height  = 1
      columns = 1
      widgets = [{ type = "text", properties = { markdown = "# All functions" } }]
    },
    {
      height  = 6
      columns = 2
      widgets = [
        for metric in ["Invocations", "Errors"] : {
          type = "metric"
          properties = {
            title   = metric
            region  = data.aws_region.current.id
            stat    = "Sum"
            metrics = [["AWS/Lambda", metric]]
          }
        }
      ]
    },
  ]
}

data "aws_region" "current" {}
