# What a Task may call, by the end of its Resource: the argument that names what is called, the
# beginning of that one's ARN when the argument is not an ARN itself, and the actions that the role
# needs, as in https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html.
locals {
  integrations = {
    "lambda:invoke" = {
      argument   = "FunctionName"
      arn_prefix = ""
      actions    = ["lambda:InvokeFunction"]
    }
    "lambda:invoke.waitForTaskToken" = {
      argument   = "FunctionName"
      arn_prefix = ""
      actions    = ["lambda:InvokeFunction"]
    }
    "sqs:sendMessage" = {
      # The last part of a queue's URL is its name.
      argument   = "QueueUrl"
      arn_prefix = "arn:${local.partition}:sqs:${local.place}:"
      actions    = ["sqs:SendMessage"]
    }
    "sqs:sendMessage.waitForTaskToken" = {
      argument   = "QueueUrl"
      arn_prefix = "arn:${local.partition}:sqs:${local.place}:"
      actions    = ["sqs:SendMessage"]
    }
    "sns:publish" = {
      argument   = "TopicArn"
      arn_prefix = ""
      actions    = ["sns:Publish"]
    }
    "events:putEvents" = {
      argument   = "EventBusName"
      arn_prefix = "arn:${local.partition}:events:${local.place}:event-bus/"
      actions    = ["events:PutEvents"]
    }
    "dynamodb:getItem" = {
      argument   = "TableName"
      arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/"
      actions    = ["dynamodb:GetItem"]
    }
    "dynamodb:putItem" = {
      argument   = "TableName"
      arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/"
      actions    = ["dynamodb:PutItem"]
    }
    "dynamodb:updateItem" = {
      argument   = "TableName"
      arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/"
      actions    = ["dynamodb:UpdateItem"]
    }
    "dynamodb:deleteItem" = {
      argument   = "TableName"
      arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/"
      actions    = ["dynamodb:DeleteItem"]
    }
    "states:startExecution" = {
      argument   = "StateMachineArn"
      arn_prefix = ""
      actions    = ["states:StartExecution"]
    }
  }
}
