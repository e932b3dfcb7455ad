data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  bucket     = "${var.platform.name_prefix}-customers-${local.account_id}"
  table      = "${module.workflow.name}-runs"

  # DataBrew's events name no resource, so the state machine ignores those of other jobs.
  pattern = { source = ["aws.databrew"], "detail-type" = ["DataBrew Job State Change"] }

  # Each job reads one folder of the bucket and writes the next one.
  jobs = {
    source = {
      name   = "${module.workflow.name}-source"
      reads  = "raw/"
      writes = "cleaned/"
      # "Deselect" in DataBrew's console: columns that the campaign does not need.
      steps = [
        {
          Action = { Operation = "DELETE", Parameters = { sourceColumns = jsonencode(var.settings.delete_columns) } }
        },
      ]
    }
    target = {
      name   = "${module.workflow.name}-target"
      reads  = "cleaned/"
      writes = "selected/"
      steps = [
        {
          Action = { Operation = "REMOVE_VALUES", Parameters = { sourceColumn = var.settings.remove_rows.column } }
          ConditionExpressions = [
            { Condition = "IS", Value = jsonencode(var.settings.remove_rows.values), TargetColumn = var.settings.remove_rows.column },
          ]
        },
      ]
    }
  }
}

# --- from the end of the source job to the target job ----------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the target job when the source job has ended."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode(local.pattern)
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "databrew_chain"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      source_job       = local.jobs.source.name
      target_job       = local.jobs.target.name
      table            = local.table
      busy_seconds     = var.settings.busy_seconds
      deadline_seconds = var.settings.deadline_minutes * 60
      expressions      = yamldecode(file("${path.module}/expressions.yaml"))
    }
  }

  # Errors that events and data cause.
  business_errors = ["InvalidEvent", "SourceJobFailed", "TargetJobFailed"]

  failed = {
    name        = "failed-runs"
    description = "Runs of the source job without a run of the target job wait in failed-runs. Fix what each message names, then redrive it."
  }
}

# A run of the source job by its id, so that an event that comes twice starts one run of the target job.
module "runs" {
  source = "../../modules/table"

  name                = local.table
  keys                = { partition = "runId" }
  ttl_attribute       = "expiresAt"
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

# --- the jobs --------------------------------------------------------------------------------

module "customers" {
  source = "../../modules/bucket"

  name                = local.bucket
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

# Terraform's provider has no resource of DataBrew; CloudFormation has.
resource "aws_cloudformation_stack" "jobs" {
  # checkov:skip=CKV_AWS_124:Terraform waits for the stack and shows its errors
  name = "${module.workflow.name}-jobs"
  tags = module.workflow.tags

  template_body = jsonencode({
    Description = "The data sets, recipes and jobs of ${module.workflow.name}."
    Resources = merge([
      for key, job in local.jobs : {
        "${title(key)}Data" = {
          Type = "AWS::DataBrew::Dataset"
          Properties = {
            Name   = job.name
            Format = "CSV"
            Input  = { S3InputDefinition = { Bucket = module.customers.name, Key = job.reads } }
          }
        }
        # CloudFormation publishes the recipe.
        "${title(key)}Recipe" = {
          Type       = "AWS::DataBrew::Recipe"
          Properties = { Name = job.name, Steps = job.steps }
        }
        "${title(key)}Job" = {
          Type      = "AWS::DataBrew::Job"
          DependsOn = ["${title(key)}Data", "${title(key)}Recipe"]
          Properties = {
            Name        = job.name
            Type        = "RECIPE"
            DatasetName = job.name
            Recipe      = { Name = job.name }
            RoleArn     = aws_iam_role.job[key].arn
            MaxCapacity = var.settings.nodes
            Timeout     = var.settings.job_minutes
            Outputs = [{
              Location  = { Bucket = module.customers.name, Key = job.writes }
              Format    = "CSV"
              Overwrite = true
            }]
          }
        }
      }
    ]...)
  })

  # A job whose role may not yet do what it needs would fail its first run.
  depends_on = [aws_iam_role_policy.job]
}

resource "aws_iam_role" "job" {
  for_each = local.jobs

  name                 = each.value.name
  description          = "Role of the DataBrew job ${each.value.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.platform.role.path
  permissions_boundary = var.platform.role.permissions_boundary
  tags                 = module.workflow.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByDataBrew"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["databrew.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:databrew:${data.aws_region.current.id}:${local.account_id}:job/${module.workflow.name}-*"]
    }
  }
}

resource "aws_iam_role_policy" "job" {
  for_each = aws_iam_role.job

  name   = "job"
  role   = each.value.name
  policy = data.aws_iam_policy_document.job[each.key].json
}

data "aws_iam_policy_document" "job" {
  for_each = local.jobs

  statement {
    sid       = "FindInput"
    actions   = ["s3:ListBucket"]
    resources = [module.customers.arn]
  }

  statement {
    sid       = "ReadInput"
    actions   = ["s3:GetObject"]
    resources = ["${module.customers.arn}/${each.value.reads}*"]
  }

  statement {
    sid       = "WriteOutput"
    actions   = ["s3:DeleteObject", "s3:PutObject"]
    resources = ["${module.customers.arn}/${each.value.writes}*"]
  }
}
