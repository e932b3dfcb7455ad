# One role for each tenant: the state machine accesses a tenant's data as that tenant's role, which
# reaches no other tenant. IAM then refuses a mistake in the definition or an unchecked id. Step
# Functions assumes a role for a task but cannot tag the session, so the role itself is the tenant's.

locals {
  tenant_role_names = { for tenant in var.settings.tenants : tenant => "${var.platform.name_prefix}-onboarding-tenant-${tenant}" }
  # Composed, so that the definition that names them does not wait for them.
  tenant_role_arns = {
    for tenant, name in local.tenant_role_names : tenant => "arn:${local.partition}:iam::${local.account_id}:role${var.platform.role.path}${name}"
  }

  # As JSONata has it within a JSON text.
  tenant_roles = replace(jsonencode(local.tenant_role_arns), "\"", "'")

  # The calls of the definition's tasks with credentials, by service.
  tenant_calls = {
    for service in ["dynamodb", "s3"] : service => sort(distinct(flatten([
      for call in values(module.workflow.delegated) : [for action in call.actions : action if startswith(action, "${service}:")]
    ])))
  }
}

resource "aws_iam_role" "tenant" {
  for_each = local.tenant_role_names

  name                 = each.value
  description          = "Rights of the user onboarding for the tenant ${each.key}"
  path                 = var.platform.role.path
  permissions_boundary = var.platform.role.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.tenant_trust.json
  tags                 = merge(module.workflow.tags, { tenant = each.key })
}

data "aws_iam_policy_document" "tenant_trust" {
  statement {
    sid     = "AssumedByTheStateMachine"
    actions = ["sts:AssumeRole"]

    # By a condition, so that the trust does not wait for the state machine's role to be made.
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [module.workflow.state_machine_role_arn]
    }
  }
}

resource "aws_iam_role_policy" "tenant" {
  for_each = aws_iam_role.tenant

  name   = "tenant"
  role   = each.value.name
  policy = data.aws_iam_policy_document.tenant[each.key].json
}

data "aws_iam_policy_document" "tenant" {
  for_each = local.tenant_role_names

  statement {
    sid       = "KeepOwnUsers"
    actions   = local.tenant_calls.dynamodb
    resources = [module.users.arn]

    condition {
      # Every key of the request; a request without a key, such as a scan, is denied.
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = [each.key]
    }
  }

  statement {
    sid     = "KeepOwnSpaces"
    actions = local.tenant_calls.s3
    # The tenant's prefix, and with the slash no other tenant's whose id begins the same.
    resources = ["${module.spaces.arn}/${each.key}/*"]
  }
}
