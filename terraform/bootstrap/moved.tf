# The policies had names by subject before they were packed.
moved {
  from = aws_iam_policy.pipeline["deploy-read"]
  to   = aws_iam_policy.pipeline["deploy-1"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-sites"]
  to   = aws_iam_policy.pipeline["deploy-2"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-data"]
  to   = aws_iam_policy.pipeline["deploy-3"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-state"]
  to   = aws_iam_policy.pipeline["deploy-4"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-flows"]
  to   = aws_iam_policy.pipeline["deploy-5"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-roles"]
  to   = aws_iam_policy.pipeline["deploy-6"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-network"]
  to   = aws_iam_policy.pipeline["deploy-7"]
}

moved {
  from = aws_iam_policy.pipeline["deploy-database"]
  to   = aws_iam_policy.pipeline["deploy-8"]
}

moved {
  from = aws_iam_policy.pipeline["plan-read"]
  to   = aws_iam_policy.pipeline["plan-1"]
}

moved {
  from = aws_iam_policy.pipeline["plan-sites"]
  to   = aws_iam_policy.pipeline["plan-2"]
}

moved {
  from = aws_iam_policy.pipeline["plan-data"]
  to   = aws_iam_policy.pipeline["plan-3"]
}

moved {
  from = aws_iam_policy.pipeline["plan-state"]
  to   = aws_iam_policy.pipeline["plan-4"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-read"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-1"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-sites"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-2"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-data"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-3"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-state"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-4"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-flows"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-5"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-roles"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-6"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-network"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-7"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["deploy-database"]
  to   = aws_iam_role_policy_attachment.pipeline["deploy-8"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["plan-read"]
  to   = aws_iam_role_policy_attachment.pipeline["plan-1"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["plan-sites"]
  to   = aws_iam_role_policy_attachment.pipeline["plan-2"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["plan-data"]
  to   = aws_iam_role_policy_attachment.pipeline["plan-3"]
}

moved {
  from = aws_iam_role_policy_attachment.pipeline["plan-state"]
  to   = aws_iam_role_policy_attachment.pipeline["plan-4"]
}
