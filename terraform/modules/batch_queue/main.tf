data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"
  # Composed of names, so that policies that hold them are known when Terraform plans.
  queue_arn = "arn:${local.partition}:batch:${local.place}:job-queue/${var.name}"
  # Without a revision: a job has the newest one.
  definition_arns = { for name in keys(var.jobs) : name => "arn:${local.partition}:batch:${local.place}:job-definition/${var.name}-${name}" }
  packages        = { for package in distinct([for job in values(var.jobs) : job.package]) : package.name => package }
  code_keys       = { for name in keys(local.packages) : name => "packages/${name}.zip" }
  log_group       = "/aws/batch/${var.name}"
  log_group_arn   = "arn:${local.partition}:logs:${local.place}:log-group:${local.log_group}"
}

resource "aws_batch_compute_environment" "this" {
  compute_environment_name = var.name
  type                     = "MANAGED"
  state                    = "ENABLED"
  tags                     = var.tags

  compute_resources {
    type               = "FARGATE"
    max_vcpus          = var.max_vcpus
    subnets            = var.network.subnet_ids
    security_group_ids = var.network.security_group_ids
  }
}

resource "aws_batch_job_queue" "this" {
  name     = var.name
  state    = "ENABLED"
  priority = 1
  tags     = var.tags

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.this.arn
  }
}

# One key for all releases: a job that waits while a release is applied runs the new code.
resource "aws_s3_object_copy" "code" {
  # checkov:skip=CKV_AWS_181:The bucket encrypts its objects, and packages hold no secrets
  for_each = local.packages

  bucket = var.code_bucket
  key    = local.code_keys[each.key]
  # The key of the source has the digest of its bytes.
  source = "${each.value.bucket}/${each.value.key}"
  # A copy has the tags of its source otherwise.
  tagging_directive = "REPLACE"
  tags              = var.tags
}

resource "aws_batch_job_definition" "this" {
  for_each = var.jobs

  name                  = "${var.name}-${each.key}"
  type                  = "container"
  platform_capabilities = ["FARGATE"]
  propagate_tags        = true
  tags                  = var.tags
  # Every parameter needs a value; a job is submitted with its own.
  parameters = { for name in each.value.parameters : name => "-" }
  # Jobs of the release before may still wait.
  deregister_on_new_revision = false

  container_properties = jsonencode({
    image = var.image
    command = concat(
      ["python", "-c", file("${path.module}/bootstrap.py"), var.code_bucket, local.code_keys[each.value.package.name], each.value.module],
      [for name in each.value.parameters : "Ref::${name}"],
    )
    environment = [for name in sort(keys(each.value.environment)) : { name = name, value = each.value.environment[name] }]
    resourceRequirements = [
      { type = "VCPU", value = tostring(each.value.vcpus) },
      { type = "MEMORY", value = tostring(each.value.memory_mb) },
    ]
    jobRoleArn                   = aws_iam_role.job[each.key].arn
    executionRoleArn             = aws_iam_role.execution.arn
    fargatePlatformConfiguration = { platformVersion = "LATEST" }
    networkConfiguration         = { assignPublicIp = var.network.public_address ? "ENABLED" : "DISABLED" }
    runtimePlatform              = { cpuArchitecture = "X86_64", operatingSystemFamily = "LINUX" }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = data.aws_region.current.id
        "awslogs-stream-prefix" = each.key
      }
    }
  })

  retry_strategy {
    attempts = each.value.attempts
  }

  timeout {
    attempt_duration_seconds = each.value.timeout_seconds
  }

  # A job may start at once.
  depends_on = [aws_iam_role_policy.job, aws_iam_role_policy.execution, aws_s3_object_copy.code]
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; what needs more than that is not logged
  name              = local.log_group
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}

# --- the roles of the containers -------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByContainers"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      # Batch chooses the name of the cluster.
      values = ["arn:${local.partition}:ecs:${local.place}:*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "execution" {
  name                 = "${var.name}-execution"
  description          = "Starts the containers of ${var.name} and writes their logs."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.execution.json
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "WriteJobLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:log-stream:*"]
  }
}

resource "aws_iam_role" "job" {
  for_each = var.jobs

  name                 = "${var.name}-${each.key}"
  description          = "Role of the jobs ${var.name}-${each.key}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "job" {
  for_each = var.jobs

  name   = "job"
  role   = aws_iam_role.job[each.key].name
  policy = data.aws_iam_policy_document.job[each.key].json
}

data "aws_iam_policy_document" "job" {
  for_each = var.jobs

  statement {
    sid       = "ReadPackage"
    actions   = ["s3:GetObject"]
    resources = ["arn:${local.partition}:s3:::${var.code_bucket}/${local.code_keys[each.value.package.name]}"]
  }

  dynamic "statement" {
    for_each = each.value.statements

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}
