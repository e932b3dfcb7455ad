# What a Task may call, by the end of its Resource: the arguments that name what is called, the
# beginning of each one's ARN when the argument is not an ARN itself, and the actions that the role
# needs, as in https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html.
locals {
  integrations = {
    "lambda:invoke" = {
      targets = [{ argument = "FunctionName", arn_prefix = "" }]
      actions = ["lambda:InvokeFunction"]
    }
    "lambda:invoke.waitForTaskToken" = {
      targets = [{ argument = "FunctionName", arn_prefix = "" }]
      actions = ["lambda:InvokeFunction"]
    }
    "sqs:sendMessage" = {
      # The last part of a queue's URL is its name.
      targets = [{ argument = "QueueUrl", arn_prefix = "arn:${local.partition}:sqs:${local.place}:" }]
      actions = ["sqs:SendMessage"]
    }
    "sqs:sendMessage.waitForTaskToken" = {
      targets = [{ argument = "QueueUrl", arn_prefix = "arn:${local.partition}:sqs:${local.place}:" }]
      actions = ["sqs:SendMessage"]
    }
    "sns:publish" = {
      targets = [{ argument = "TopicArn", arn_prefix = "" }]
      actions = ["sns:Publish"]
    }
    "events:putEvents" = {
      targets = [{ argument = "EventBusName", arn_prefix = "arn:${local.partition}:events:${local.place}:event-bus/" }]
      actions = ["events:PutEvents"]
    }
    "dynamodb:getItem" = {
      targets = [{ argument = "TableName", arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/" }]
      actions = ["dynamodb:GetItem"]
    }
    "dynamodb:putItem" = {
      targets = [{ argument = "TableName", arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/" }]
      actions = ["dynamodb:PutItem"]
    }
    "dynamodb:updateItem" = {
      targets = [{ argument = "TableName", arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/" }]
      actions = ["dynamodb:UpdateItem"]
    }
    "dynamodb:deleteItem" = {
      targets = [{ argument = "TableName", arn_prefix = "arn:${local.partition}:dynamodb:${local.place}:table/" }]
      actions = ["dynamodb:DeleteItem"]
    }
    "states:startExecution" = {
      targets = [{ argument = "StateMachineArn", arn_prefix = "" }]
      actions = ["states:StartExecution"]
    }
    "aws-sdk:s3:putObject" = {
      targets = [{ argument = "Bucket", arn_prefix = "arn:${local.partition}:s3:::", arn_suffix = "/*" }]
      actions = ["s3:PutObject"]
    }
    "aws-sdk:s3:deleteObject" = {
      targets = [{ argument = "Bucket", arn_prefix = "arn:${local.partition}:s3:::", arn_suffix = "/*" }]
      actions = ["s3:DeleteObject"]
    }
    "aws-sdk:sesv2:sendEmail" = {
      targets = [
        # SES asks for the right on the identity, which is the domain after the sender's @.
        { argument = "FromEmailAddress", arn_prefix = "arn:${local.partition}:ses:${local.place}:identity/" },
        { argument = "ConfigurationSetName", arn_prefix = "arn:${local.partition}:ses:${local.place}:configuration-set/" },
        { argument = "TemplateName", arn_prefix = "arn:${local.partition}:ses:${local.place}:template/" },
      ]
      # With a template, SES asks for the right of the older action that sends one.
      actions = ["ses:SendEmail", "ses:SendTemplatedEmail"]
    }
  }
}
