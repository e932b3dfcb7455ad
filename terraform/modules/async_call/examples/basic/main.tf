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

module "bus" {
  source = "../../../event_bus"

  name         = "example-async"
  archive_days = 7
}

module "platform" {
  source = "../../../platform_contract"

  platform = {
    name_prefix = "example-async"
    environment = "dev"
    event_bus   = { name = module.bus.name, arn = module.bus.arn }
    logs        = { retention_days = 30, level = "INFO", execution_data = false }
    packages    = {}
  }
}

# Workers outside of AWS take jobs from this table, and write their state and result into it.
module "jobs" {
  source = "../../../table"

  name                = "example-async-jobs"
  keys                = { partition = "token" }
  deletion_protection = false
}

locals {
  key = { token = { S = "{% $request.token %}" } }
}

# No function: a job is an item of the table.
module "async_call" {
  source = "../.."

  platform = module.platform.platform
  flow     = "shop"
  name     = "print"

  call = {
    resource = "arn:aws:states:::dynamodb:putItem"
    arguments = {
      TableName = module.jobs.name
      Item = merge(local.key, {
        state   = { S = "running" }
        payload = { S = "{% $string($request.payload) %}" }
      })
      ConditionExpression      = "attribute_not_exists(#token)"
      ExpressionAttributeNames = { "#token" = "token" }
    }
    # The same job was asked for before.
    started_errors = ["DynamoDB.ConditionalCheckFailedException"]
  }

  poll = {
    resource  = "arn:aws:states:::dynamodb:getItem"
    arguments = { TableName = module.jobs.name, Key = local.key, ConsistentRead = true }
    output    = "{% {'status': $states.result.Item.state.S, 'result': $states.result.Item.result.S} %}"
  }

  cancel = {
    resource = "arn:aws:states:::dynamodb:updateItem"
    arguments = {
      TableName                 = module.jobs.name
      Key                       = local.key
      UpdateExpression          = "SET #state = :cancelled"
      ConditionExpression       = "#state = :running"
      ExpressionAttributeNames  = { "#state" = "state" }
      ExpressionAttributeValues = { ":running" = { S = "running" }, ":cancelled" = { S = "cancelled" } }
    }
    ended_errors = ["DynamoDB.ConditionalCheckFailedException"]
  }

  transient_errors = ["DynamoDB.ProvisionedThroughputExceededException", "DynamoDB.AmazonDynamoDBException"]

  limits = { wait_seconds = 1, max_wait_seconds = 5, deadline_seconds = 600 }
}
