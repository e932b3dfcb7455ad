# The roles that GitHub's workflows assume without a password. GitHub signs a token with the repository
# and the environment of a job, and IAM lets only that job assume the role.

locals {
  github        = "token.actions.githubusercontent.com"
  repository    = var.github_repository == null ? {} : { this = var.github_repository }
  make_provider = var.github_oidc_provider_arn == null ? local.repository : {}
  # Composed of its name, so that the roles' trust is known before the provider exists.
  github_provider_arn = coalesce(var.github_oidc_provider_arn, "arn:${local.partition}:iam::${var.account_id}:oidc-provider/${local.github}")

  # The repository in a token's subject: owner/name, or owner@<id>/name@<id> if GitHub adds ids.
  ids                = var.github_repository_ids
  subject_repository = local.ids == null ? var.github_repository : "${replace(var.github_repository, "/", "@${local.ids.owner}/")}@${local.ids.repository}"

  pipeline = {
    # GitHub issues a token for the environment only after its approvals.
    deploy = {
      description = "Deploys ${local.name_prefix}, for jobs of the environment ${var.environment} on GitHub"
      subjects    = ["environment:${var.environment}"]
      # A canary of an hour, and the applies around it.
      session_seconds = 7200
    }
    plan = {
      description = "Reads what is deployed in ${local.name_prefix} and changes nothing"
      subjects    = var.github_readers

      session_seconds = 3600
    }
  }
  pipeline_roles = { for name, role in local.pipeline : name => role if var.github_repository != null && length(role.subjects) > 0 }

  pipeline_policies = merge([
    for role in keys(local.pipeline_roles) : {
      for index, document in local.packed["${role} role"] : "${role}-${index + 1}" => { role = role, document = document }
    }
  ]...)
}

resource "aws_iam_openid_connect_provider" "github" {
  for_each = local.make_provider

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
  # Without thumbprints, because AWS checks GitHub's certificate against the authorities that it trusts.
}

resource "aws_iam_role" "pipeline" {
  for_each = local.pipeline_roles

  name                 = "${local.name_prefix}-${each.key}"
  path                 = local.path
  description          = each.value.description
  assume_role_policy   = data.aws_iam_policy_document.github[each.key].json
  max_session_duration = each.value.session_seconds
}

data "aws_iam_policy_document" "github" {
  # checkov:skip=CKV_AWS_358:The subject begins with the repository, whose variable allows no wildcard; the scanner does not see values
  for_each = local.pipeline_roles

  statement {
    sid     = "AssumedByJobsOfTheRepository"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:sub"
      values   = [for subject in each.value.subjects : "repo:${local.subject_repository}:${subject}"]
    }
  }
}

# Managed policies, because inline policies of this length exceed a role's limit.
resource "aws_iam_policy" "pipeline" {
  for_each = local.pipeline_policies

  name        = "${local.name_prefix}-${each.key}"
  path        = local.path
  description = "Part of the rights of ${local.name_prefix}-${each.value.role}"
  policy      = each.value.document

  lifecycle {
    # Policies of accounts that were bootstrapped earlier keep their names. A new name would replace
    # them, and the role would be without their rights for a while.
    ignore_changes = [name, description]
  }
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = local.pipeline_policies

  role       = aws_iam_role.pipeline[each.value.role].name
  policy_arn = aws_iam_policy.pipeline[each.key].arn
}
