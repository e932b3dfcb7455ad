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

module "site" {
  source = "../.."

  name        = "example-site"
  description = "A page that greets"

  # For each address, in five minutes.
  firewall = { requests = 50 }

  files = {
    "index.html" = { content = file("${path.module}/index.html"), content_type = "text/html; charset=utf-8" }
    "style.css"  = { content = file("${path.module}/style.css"), content_type = "text/css; charset=utf-8" }
  }
}
