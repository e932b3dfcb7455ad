# What the pipeline may do to the places in which flows keep data, and to the mail that they send. Their
# buckets are with the other buckets, in policies.tf.

locals {
  tables = "arn:${local.partition}:dynamodb:${local.place}:table/${local.name_prefix}-*"
  mail = [
    "arn:${local.partition}:ses:${local.place}:configuration-set/${local.name_prefix}-*",
    # A sender is a domain, which is not named after the environment.
    "arn:${local.partition}:ses:${local.place}:identity/*",
    "arn:${local.partition}:ses:${local.place}:template/${local.name_prefix}-*",
  ]
}

data "aws_iam_policy_document" "read_data" {
  # checkov:skip=CKV_AWS_356:The reason for each "*" is beside it

  statement {
    sid = "ReadTables"
    actions = [
      "dynamodb:DescribeContinuousBackups",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:ListTagsOfResource",
    ]
    resources = [local.tables]
  }

  statement {
    sid = "ReadMail"
    actions = [
      "ses:GetConfigurationSet",
      "ses:GetEmailIdentity",
      "ses:ListTagsForResource",
    ]
    resources = local.mail
  }

  statement {
    sid     = "ReadMailTemplates"
    actions = ["ses:GetTemplate"]
    # The first version of SES's interface, in which Terraform keeps templates, does not let them be named.
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "deploy_data" {
  # checkov:skip=CKV_AWS_356:The reason for each "*" is beside it
  # checkov:skip=CKV_AWS_111:See CKV_AWS_356
  source_policy_documents = [data.aws_iam_policy_document.read_data.json]

  statement {
    sid = "ChangeTables"
    actions = [
      "dynamodb:CreateTable",
      "dynamodb:DeleteTable",
      "dynamodb:TagResource",
      "dynamodb:UntagResource",
      "dynamodb:UpdateContinuousBackups",
      "dynamodb:UpdateTable",
    ]
    resources = [local.tables]
  }

  statement {
    sid = "ChangeMail"
    actions = [
      "ses:CreateConfigurationSet",
      "ses:CreateEmailIdentity",
      "ses:DeleteConfigurationSet",
      "ses:DeleteEmailIdentity",
      "ses:PutConfigurationSetDeliveryOptions",
      "ses:PutConfigurationSetReputationOptions",
      "ses:PutConfigurationSetSendingOptions",
      "ses:PutConfigurationSetSuppressionOptions",
      "ses:PutEmailIdentityDkimSigningAttributes",
      "ses:TagResource",
      "ses:UntagResource",
    ]
    resources = local.mail
  }

  statement {
    sid = "ChangeMailTemplates"
    actions = [
      "ses:CreateTemplate",
      "ses:DeleteTemplate",
      "ses:UpdateTemplate",
    ]
    # See ReadMailTemplates.
    resources = ["*"]
  }
}
