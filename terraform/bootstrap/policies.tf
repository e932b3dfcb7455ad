# Rights of the roles of pipeline.tf: the actions that Terraform's provider calls for the resources of
# the platform, and those of the operators' commands. Resources are the environment's own where the
# service supports names; a comment gives the reason for every other resource.

locals {
  # Excludes the bootstrap's roles, which have a path.
  platform_roles = "arn:${local.partition}:iam::${var.account_id}:role/${local.name_prefix}-*"

  state_object = "${local.bucket_arns.state}/flowbridge.tfstate"

  databases = concat(
    [for kind in ["db", "pg", "snapshot", "subgrp"] : "arn:${local.partition}:rds:${local.place}:${kind}:${local.name_prefix}-*"],
    # Every database has an option group. Ours use the engine's default.
    ["arn:${local.partition}:rds:${local.place}:og:default:*"],
  )

  # The region of the copy of the database's backups, which has a key there; none without a copy.
  backup_regions = compact([try(var.database.rds.backup_copy.region, null)])
  keys           = [for region in concat([var.region], local.backup_regions) : "arn:${local.partition}:kms:${region}:${var.account_id}:key/*"]

  # The platform's statements of each role.
  plan_documents = [data.aws_iam_policy_document.read.json, data.aws_iam_policy_document.read_state.json]
  deploy_documents = [
    data.aws_iam_policy_document.deploy_never.json,
    data.aws_iam_policy_document.read.json,
    data.aws_iam_policy_document.deploy_state.json,
    data.aws_iam_policy_document.deploy_building_blocks.json,
    data.aws_iam_policy_document.deploy_network.json,
    data.aws_iam_policy_document.deploy_database.json,
    data.aws_iam_policy_document.deploy_roles.json,
  ]
  role_statements = {
    plan = concat(
      flatten([for document in local.plan_documents : jsondecode(document).Statement]),
      flatten([for rights in values(local.flow_rights) : rights.read]),
    )
    deploy = concat(
      flatten([for document in local.deploy_documents : jsondecode(document).Statement]),
      flatten(values(local.flow_changes)),
    )
  }
}

data "aws_iam_policy_document" "read" {
  # checkov:skip=CKV_AWS_356:A comment gives the reason for each "*"
  # checkov:skip=CKV_AWS_108:See CKV_AWS_356; no statement here reads a secret's value or data

  statement {
    sid = "ReadEvents"
    actions = [
      "events:DescribeArchive",
      "events:DescribeEventBus",
      "events:DescribeRule",
      "events:ListTagsForResource",
      "events:ListTargetsByRule",
    ]
    resources = [
      local.own.events,
      "arn:${local.partition}:events:${local.place}:rule/${local.name_prefix}/*",
      # Rules of the default bus.
      "arn:${local.partition}:events:${local.place}:rule/${local.name_prefix}-*",
      "arn:${local.partition}:events:${local.place}:archive/${local.name_prefix}*",
    ]
  }

  statement {
    sid = "ReadStateMachines"
    actions = [
      "states:DescribeStateMachine",
      "states:DescribeStateMachineAlias",
      "states:ListExecutions",
      "states:ListStateMachineAliases",
      "states:ListStateMachineVersions",
      "states:ListTagsForResource",
    ]
    resources = [local.own.states]
  }

  statement {
    sid = "ReadFunctions"
    actions = [
      "lambda:GetAlias",
      "lambda:GetFunction",
      "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionConcurrency",
      "lambda:GetFunctionConfiguration",
      "lambda:GetPolicy",
      "lambda:GetProvisionedConcurrencyConfig",
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
    ]
    resources = [local.own.lambda]
  }

  statement {
    sid = "ReadQueuesAndTopics"
    actions = [
      "sns:GetTopicAttributes",
      "sns:ListSubscriptionsByTopic",
      "sns:ListTagsForResource",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ListQueueTags",
    ]
    resources = [
      local.own.sns,
      local.own.sqs,
    ]
  }

  statement {
    sid     = "ReadSubscriptions"
    actions = ["sns:GetSubscriptionAttributes"]
    # SNS supports resources for topics, not for subscriptions.
    resources = ["*"]
  }

  statement {
    sid = "ReadSecretsButTheirValues"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy",
      "secretsmanager:ListSecretVersionIds",
    ]
    resources = concat([local.own.secretsmanager], local.foreign_secrets)
  }

  statement {
    sid = "ReadRelease"
    actions = [
      "ssm:GetParameter",
      "ssm:GetParameterHistory",
      "ssm:GetParameters",
      "ssm:ListTagsForResource",
    ]
    resources = [local.own.ssm]
  }

  statement {
    sid = "ReadRoles"
    actions = [
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:ListRoleTags",
    ]
    resources = [local.platform_roles]
  }

  statement {
    sid = "ReadDashboardsAndAlarms"
    actions = [
      "cloudwatch:GetDashboard",
      "cloudwatch:ListTagsForResource",
    ]
    resources = [
      "arn:${local.partition}:cloudwatch:${local.place}:alarm:${local.name_prefix}-*",
      "arn:${local.partition}:cloudwatch::${var.account_id}:dashboard/${local.name_prefix}*",
    ]
  }

  statement {
    sid = "ReadLogGroups"
    actions = [
      "logs:DescribeMetricFilters",
      "logs:ListTagsForResource",
    ]
    resources = [
      local.own.logs,
      trimsuffix(local.own.logs, ":*"),
    ]
  }

  statement {
    sid = "ReadDatabase"
    actions = [
      "rds:DescribeDBParameterGroups",
      "rds:DescribeDBParameters",
      "rds:DescribeDBSnapshots",
      "rds:DescribeDBSubnetGroups",
      "rds:ListTagsForResource",
    ]
    resources = local.databases
  }

  statement {
    sid     = "ReadDatabaseInstances"
    actions = ["rds:DescribeDBInstances"]
    # Terraform's provider filters by the resource's id, so RDS checks the right on every database.
    resources = ["arn:${local.partition}:rds:${local.place}:db:*"]
  }

  dynamic "statement" {
    for_each = local.backup_regions

    content {
      sid       = "ReadBackupCopies"
      actions   = ["rds:DescribeDBInstanceAutomatedBackups"]
      resources = ["arn:${local.partition}:rds:${statement.value}:${var.account_id}:auto-backup:*"]
    }
  }

  statement {
    sid = "ReadKeys"
    actions = [
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListResourceTags",
    ]
    resources = local.keys

    condition {
      # A key's tags name its environment; its ARN does not. The tags of a new key take effect after
      # some minutes, and Terraform reads the key at once.
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid     = "MakePasswords"
    actions = ["secretsmanager:GetRandomPassword"]
    # Each plan generates a password and does not store it. Such a password is not a resource.
    resources = ["*"]
  }

  statement {
    sid = "ReadLists"
    actions = [
      "cloudwatch:DescribeAlarms",
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeFlowLogs",
      "ec2:DescribeManagedPrefixLists",
      "ec2:DescribeNetworkAcls",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribePrefixLists",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcAttribute",
      "ec2:DescribeVpcEndpointServices",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeVpcs",
      "kms:ListAliases",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "rds:DescribeDBEngineVersions",
      "rds:DescribeOrderableDBInstanceOptions",
      "ssm:DescribeParameters",
      "states:ValidateStateMachineDefinition",
    ]
    # These services list the whole account and support no narrower resource.
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "read_state" {
  statement {
    sid       = "ListStateAndReleases"
    actions   = ["s3:ListBucket"]
    resources = values(local.bucket_arns)
  }

  statement {
    sid = "ReadStateAndReleases"
    actions = [
      "s3:GetObject",
      "s3:GetObjectTagging",
      "s3:GetObjectVersion",
    ]
    resources = [
      local.state_object,
      "${local.bucket_arns.artifacts}/*",
    ]
  }

  statement {
    sid     = "RefreshDatabaseCredentials"
    actions = ["secretsmanager:GetSecretValue"]
    # Terraform's provider reads the value when it refreshes a secret's version. It does not store it.
    resources = ["arn:${local.partition}:secretsmanager:${local.place}:secret:${local.name_prefix}-database-*"]
  }

  statement {
    sid       = "RefreshEncryptedCredentials"
    actions   = ["kms:Decrypt"]
    resources = ["arn:${local.partition}:kms:${local.place}:key/*"]

    condition {
      # A key's tags name its environment; its ARN does not.
      test     = "StringEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "deploy_never" {
  statement {
    sid    = "LeaveBootstrapAlone"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy",
      "iam:DeleteRole",
      "iam:DeleteRolePermissionsBoundary",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = [
      "arn:${local.partition}:iam::${var.account_id}:role/${local.api_gateway_role}",
      "arn:${local.partition}:iam::${var.account_id}:role${local.path}*",
    ]
  }

  statement {
    sid     = "KeepBoundaries"
    effect  = "Deny"
    actions = ["iam:DeleteRolePermissionsBoundary"]
    # All roles of the account keep their boundaries.
    resources = ["*"]
  }

  statement {
    sid     = "AdoptNoKey"
    effect  = "Deny"
    actions = ["kms:TagResource"]
    # MakeKey allows tags on "*". A key that exists needs the environment's tag already, or the role
    # could give itself every right on it. KMS names no key when it checks the tags of a new one.
    resources = ["arn:${local.partition}:kms:*:${var.account_id}:key/*"]

    condition {
      test     = "StringNotEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid    = "LeaveUnusedGroupsUnused"
    effect = "Deny"
    actions = [
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:DeleteSecurityGroup",
      "ec2:ModifySecurityGroupRules",
    ]
    # See TakeDefaultSecurityGroup.
    resources = ["arn:${local.partition}:ec2:${local.place}:security-group/*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/unused"
      values   = ["false"]
    }
  }

  statement {
    sid       = "KeepUnusedTag"
    effect    = "Deny"
    actions   = ["ec2:CreateTags", "ec2:DeleteTags"]
    resources = ["arn:${local.partition}:ec2:${local.place}:security-group/*"]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/unused"
      values   = ["false"]
    }

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "aws:TagKeys"
      values   = ["unused"]
    }
  }
}

data "aws_iam_policy_document" "deploy_state" {
  statement {
    sid = "KeepStateAndLock"
    actions = [
      "s3:GetObject",
      "s3:PutObject",
    ]
    resources = [
      local.state_object,
      "${local.state_object}.tflock",
    ]
  }

  statement {
    sid       = "GiveBackLock"
    actions   = ["s3:DeleteObject"]
    resources = ["${local.state_object}.tflock"]
  }

  statement {
    sid = "Release"
    actions = [
      "s3:GetObject",
      "s3:GetObjectTagging",
      "s3:GetObjectVersion",
      "s3:PutObject",
    ]
    # The bucket's policy allows only one write of each package and manifest.
    resources = ["${local.bucket_arns.artifacts}/*"]
  }

  statement {
    sid       = "ListStateAndReleases"
    actions   = ["s3:ListBucket"]
    resources = values(local.bucket_arns)
  }

  statement {
    sid = "RecordRelease"
    actions = [
      "ssm:AddTagsToResource",
      "ssm:DeleteParameter",
      "ssm:PutParameter",
      "ssm:RemoveTagsFromResource",
    ]
    resources = [local.own.ssm]
  }

  statement {
    sid = "ChangeSecrets"
    actions = [
      "secretsmanager:CreateSecret",
      "secretsmanager:DeleteSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:RestoreSecret",
      "secretsmanager:TagResource",
      "secretsmanager:UntagResource",
      "secretsmanager:UpdateSecret",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [local.own.secretsmanager]
  }

  statement {
    sid = "LetRdsKeepItsPassword"
    actions = [
      "secretsmanager:CreateSecret",
      "secretsmanager:RotateSecret",
      "secretsmanager:TagResource",
    ]
    # RDS creates its administrator's secret with the rights of the role that creates the database.
    resources = ["arn:${local.partition}:secretsmanager:${local.place}:secret:rds!db-*"]
  }
}

data "aws_iam_policy_document" "deploy_building_blocks" {
  statement {
    sid = "ChangeEvents"
    actions = [
      "events:CreateArchive",
      "events:CreateEventBus",
      "events:DeleteArchive",
      "events:DeleteEventBus",
      "events:DeleteRule",
      "events:DisableRule",
      "events:EnableRule",
      "events:PutRule",
      "events:PutTargets",
      "events:RemoveTargets",
      "events:TagResource",
      "events:UntagResource",
      "events:UpdateArchive",
      "events:UpdateEventBus",
    ]
    resources = [
      local.own.events,
      "arn:${local.partition}:events:${local.place}:rule/${local.name_prefix}/*",
      # Rules of the default bus.
      "arn:${local.partition}:events:${local.place}:rule/${local.name_prefix}-*",
      "arn:${local.partition}:events:${local.place}:archive/${local.name_prefix}*",
    ]
  }

  statement {
    sid = "ChangeStateMachines"
    actions = [
      "states:CreateStateMachine",
      "states:CreateStateMachineAlias",
      "states:DeleteStateMachine",
      "states:DeleteStateMachineAlias",
      "states:DeleteStateMachineVersion",
      "states:PublishStateMachineVersion",
      "states:TagResource",
      "states:UntagResource",
      "states:UpdateStateMachine",
      "states:UpdateStateMachineAlias",
    ]
    resources = [local.own.states]
  }

  statement {
    sid = "ChangeFunctions"
    actions = [
      "lambda:AddPermission",
      "lambda:CreateAlias",
      "lambda:CreateFunction",
      "lambda:DeleteAlias",
      "lambda:DeleteFunction",
      "lambda:DeleteFunctionConcurrency",
      "lambda:DeleteProvisionedConcurrencyConfig",
      "lambda:PublishVersion",
      "lambda:PutFunctionConcurrency",
      "lambda:PutProvisionedConcurrencyConfig",
      "lambda:RemovePermission",
      "lambda:TagResource",
      "lambda:UntagResource",
      "lambda:UpdateAlias",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
    ]
    resources = [local.own.lambda]
  }

  statement {
    sid       = "RunMigrations"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.own.lambda]
  }

  statement {
    sid = "SmokeTest"
    actions = [
      "events:PutEvents",
      # A smoke test removes its event from the failed queue.
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:ReceiveMessage",
      "states:DescribeExecution",
      "states:GetExecutionHistory",
      "states:StopExecution",
    ]
    resources = [
      local.own.events,
      local.own.sqs,
      "arn:${local.partition}:states:${local.place}:execution:${local.name_prefix}-*",
    ]
  }

  statement {
    sid = "ChangeQueuesAndTopics"
    actions = [
      "sns:CreateTopic",
      "sns:DeleteTopic",
      "sns:SetTopicAttributes",
      "sns:Subscribe",
      "sns:TagResource",
      "sns:UntagResource",
      "sqs:CreateQueue",
      "sqs:DeleteQueue",
      "sqs:SetQueueAttributes",
      "sqs:TagQueue",
      "sqs:UntagQueue",
    ]
    resources = [
      local.own.sns,
      local.own.sqs,
    ]
  }

  statement {
    sid     = "ChangeSubscriptions"
    actions = ["sns:SetSubscriptionAttributes", "sns:Unsubscribe"]
    # See ReadSubscriptions.
    resources = ["*"]
  }

  statement {
    sid = "ChangeLogGroups"
    actions = [
      "logs:CreateLogGroup",
      "logs:DeleteLogGroup",
      "logs:DeleteMetricFilter",
      "logs:DeleteRetentionPolicy",
      "logs:PutMetricFilter",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = [
      local.own.logs,
      trimsuffix(local.own.logs, ":*"),
    ]
  }

  statement {
    sid = "DeliverAccessLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DeleteResourcePolicy",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    # API Gateway and Step Functions create a delivery with the caller's rights, and it has no name.
    # A resource policy of CloudWatch Logs, such as the audit log's, has a name and no ARN.
    resources = ["*"]
  }

  statement {
    sid = "ChangeDashboardsAndAlarms"
    actions = [
      "cloudwatch:DeleteAlarms",
      "cloudwatch:DeleteDashboards",
      "cloudwatch:PutDashboard",
      "cloudwatch:PutMetricAlarm",
      "cloudwatch:TagResource",
      "cloudwatch:UntagResource",
    ]
    resources = [
      "arn:${local.partition}:cloudwatch:${local.place}:alarm:${local.name_prefix}-*",
      "arn:${local.partition}:cloudwatch::${var.account_id}:dashboard/${local.name_prefix}*",
    ]
  }
}

data "aws_iam_policy_document" "deploy_roles" {
  # checkov:skip=CKV_AWS_109:Only roles of the environment, and only with a boundary
  # checkov:skip=CKV_AWS_110:See CKV_AWS_109

  # The beginning of a role's name decides its boundary, so a flow's role cannot have another flow's.
  dynamic "statement" {
    for_each = local.owner_roles

    content {
      sid       = "MakeRolesOf${replace(title(replace(statement.key, "_", " ")), " ", "")}"
      actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
      resources = statement.value

      condition {
        test     = "StringEquals"
        variable = "iam:PermissionsBoundary"
        values   = [local.boundary_arns[statement.key]]
      }
    }
  }

  statement {
    sid = "GiveRightsToBoundedRoles"
    actions = [
      "iam:AttachRolePolicy",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:PutRolePolicy",
    ]
    resources = [local.platform_roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = concat(values(local.boundary_arns), [local.former_boundary])
    }
  }

  statement {
    sid = "ChangeRoles"
    actions = [
      "iam:DeleteRole",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
      "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = [local.platform_roles]
  }

  statement {
    sid       = "GiveRolesToServices"
    actions   = ["iam:PassRole"]
    resources = [local.platform_roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = distinct(concat(
        ["events.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com", "vpc-flow-logs.amazonaws.com"],
        flatten([for rights in values(local.flow_rights) : rights.pass_roles_to]),
      ))
    }
  }

  statement {
    sid     = "MakeRolesOfServices"
    actions = ["iam:CreateServiceLinkedRole"]
    # AWS chooses the names of these roles and limits their rights.
    resources = ["arn:${local.partition}:iam::${var.account_id}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values = distinct(concat(
        ["rds.amazonaws.com"],
        flatten([for rights in values(local.flow_rights) : rights.service_linked_roles]),
      ))
    }
  }
}

data "aws_iam_policy_document" "deploy_network" {
  statement {
    sid = "MakeNetwork"
    actions = [
      "ec2:CreateFlowLogs",
      "ec2:CreateRouteTable",
      "ec2:CreateSecurityGroup",
      "ec2:CreateSubnet",
      "ec2:CreateVpc",
      "ec2:CreateVpcEndpoint",
    ]
    # AWS chooses the identifiers; a new resource must have the environment's tag.
    resources = [
      "arn:${local.partition}:ec2:${local.place}:vpc/*",
      "arn:${local.partition}:ec2:${local.place}:subnet/*",
      "arn:${local.partition}:ec2:${local.place}:route-table/*",
      "arn:${local.partition}:ec2:${local.place}:security-group/*",
      "arn:${local.partition}:ec2:${local.place}:vpc-endpoint/*",
      "arn:${local.partition}:ec2:${local.place}:vpc-flow-log/*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid     = "MakeRules"
    actions = ["ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress"]
    # Only the new rule. ChangeNetwork allows these calls on groups that have the environment's tag.
    resources = ["arn:${local.partition}:ec2:${local.place}:security-group-rule/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid = "ChangeNetwork"
    actions = [
      "ec2:AssociateRouteTable",
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:CreateFlowLogs",
      "ec2:CreateRoute",
      "ec2:CreateRouteTable",
      "ec2:CreateSecurityGroup",
      "ec2:CreateSubnet",
      "ec2:CreateTags",
      "ec2:CreateVpcEndpoint",
      "ec2:DeleteFlowLogs",
      "ec2:DeleteRoute",
      "ec2:DeleteRouteTable",
      "ec2:DeleteSecurityGroup",
      "ec2:DeleteSubnet",
      "ec2:DeleteTags",
      "ec2:DeleteVpc",
      "ec2:DeleteVpcEndpoints",
      "ec2:DisassociateRouteTable",
      "ec2:ModifySecurityGroupRules",
      "ec2:ModifySubnetAttribute",
      "ec2:ModifyVpcAttribute",
      "ec2:ModifyVpcEndpoint",
      "ec2:ReplaceRoute",
      "ec2:ReplaceRouteTableAssociation",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    # AWS chooses the identifiers; an existing resource must have the environment's tag.
    resources = [
      "arn:${local.partition}:ec2:${local.place}:vpc/*",
      "arn:${local.partition}:ec2:${local.place}:subnet/*",
      "arn:${local.partition}:ec2:${local.place}:route-table/*",
      "arn:${local.partition}:ec2:${local.place}:security-group/*",
      "arn:${local.partition}:ec2:${local.place}:security-group-rule/*",
      "arn:${local.partition}:ec2:${local.place}:vpc-endpoint/*",
      "arn:${local.partition}:ec2:${local.place}:vpc-flow-log/*",
    ]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid     = "DeleteInterfacesOfFunctions"
    actions = ["ec2:DeleteNetworkInterface", "ec2:DetachNetworkInterface"]
    # Lambda's interfaces outlast their functions, without tags. Terraform's provider deletes them
    # before it deletes their subnet or security group.
    resources = ["arn:${local.partition}:ec2:${local.place}:network-interface/*"]
  }

  statement {
    sid     = "NameEndpoints"
    actions = ["route53:AssociateVPCWithHostedZone"]
    # The private names of an endpoint are in a hosted zone that AWS creates and names.
    resources = ["arn:${local.partition}:route53:::hostedzone/*"]
  }

  statement {
    sid     = "TakeDefaultSecurityGroup"
    actions = ["ec2:CreateTags"]
    # AWS creates this group with the VPC, without a tag, so this allows to take every group without
    # the tag. It must get the tag 'unused' as well, with which LeaveUnusedGroupsUnused only lets the
    # deploy role empty it.
    resources = ["arn:${local.partition}:ec2:${local.place}:security-group/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/unused"
      values   = ["true"]
    }

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/environment"
      values   = ["true"]
    }
  }

  statement {
    sid     = "TagNewNetwork"
    actions = ["ec2:CreateTags"]
    # AWS chooses the identifiers. CreateAction is set only in the call that creates the resource.
    resources = ["arn:${local.partition}:ec2:${local.place}:*/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment]
    }

    condition {
      test     = "Null"
      variable = "ec2:CreateAction"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "deploy_database" {
  # checkov:skip=CKV_AWS_109:Keys that carry the environment's tag only
  # checkov:skip=CKV_AWS_111:See CKV_AWS_109

  statement {
    sid = "ChangeDatabase"
    actions = [
      "rds:AddTagsToResource",
      "rds:CreateDBInstance",
      "rds:CreateDBParameterGroup",
      "rds:CreateDBSnapshot",
      "rds:CreateDBSubnetGroup",
      "rds:DeleteDBInstance",
      "rds:DeleteDBParameterGroup",
      "rds:DeleteDBSubnetGroup",
      "rds:ModifyDBInstance",
      "rds:ModifyDBParameterGroup",
      "rds:ModifyDBSubnetGroup",
      "rds:RebootDBInstance",
      "rds:RemoveTagsFromResource",
      "rds:ResetDBParameterGroup",
      "rds:RestoreDBInstanceFromDBSnapshot",
      "rds:RestoreDBInstanceToPointInTime",
    ]
    resources = local.databases
  }

  dynamic "statement" {
    for_each = local.backup_regions

    content {
      sid = "CopyBackups"
      actions = [
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "rds:StopDBInstanceAutomatedBackupsReplication",
      ]
      resources = [
        "arn:${local.partition}:rds:${local.place}:db:${local.name_prefix}-*",
        # RDS chooses the name of a copy.
        "arn:${local.partition}:rds:${statement.value}:${var.account_id}:auto-backup:*",
      ]
    }
  }

  statement {
    sid = "MakeKey"
    actions = [
      "kms:CreateKey",
      "kms:TagResource",
    ]
    # A key has no ARN before it exists; the new key must have the environment's tag.
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid       = "RotateKey"
    actions   = ["kms:EnableKeyRotation"]
    resources = local.keys

    condition {
      # Terraform calls this right after it creates the key; see ReadKeys.
      test     = "StringEqualsIfExists"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid = "ChangeKey"
    actions = [
      "kms:CreateAlias",
      "kms:CreateGrant",
      "kms:Decrypt",
      "kms:DeleteAlias",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:GenerateDataKey",
      "kms:PutKeyPolicy",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    resources = local.keys

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/environment"
      values   = [var.environment]
    }
  }

  statement {
    sid = "NameKey"
    actions = [
      "kms:CreateAlias",
      "kms:DeleteAlias",
      "kms:UpdateAlias",
    ]
    resources = [for region in concat([var.region], local.backup_regions) : "arn:${local.partition}:kms:${region}:${var.account_id}:alias/${local.name_prefix}*"]
  }
}
