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

module "orders" {
  source = "../.."

  name = "example-orders"
  keys = { partition = "customerId", sort = "orderId" }
  indexes = {
    # The orders that an invoice names.
    by_invoice = { partition = "invoiceId" }
    # The orders of a state, the oldest first.
    by_state = { partition = "state", sort = "changedAt", whole_items = true }
  }
  number_keys = ["changedAt"]
  # Functions may read the changes of orders.
  stream = "NEW_IMAGE"
  # DynamoDB deletes an order some time after the second in this attribute.
  ttl_attribute = "deletedAfter"
  # Lets 'terraform destroy' delete the example. Set it to true for data that you keep.
  deletion_protection = false
}
