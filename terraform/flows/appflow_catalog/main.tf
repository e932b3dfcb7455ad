data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"

  # Glue's names have no hyphens in Athena's SQL.
  database = replace(module.workflow.name, "-", "_")
  exports  = "${var.platform.name_prefix}-saas-exports-${local.account_id}"
  data     = "${var.platform.name_prefix}-saas-data-${local.account_id}"

  # The bucket of each flow of AppFlow whose runs are cataloged.
  buckets = merge(
    { for name in keys(var.settings.transfers) : "${module.workflow.name}-${name}" => local.data },
    var.settings.flows,
  )
  flow_arns = [for name in sort(keys(local.buckets)) : "arn:${local.partition}:appflow:${local.place}:flow/${name}"]

  pattern = {
    source        = ["aws.appflow"]
    "detail-type" = ["AppFlow End Flow Run Report"]
    resources     = local.flow_arns
  }
}

# --- from the end of a run to the catalog ----------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Catalogs the records of each run of AppFlow."
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
  flow     = "appflow_catalog"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      database    = local.database
      expressions = yamldecode(templatefile("${path.module}/expressions.yaml", { database = local.database }))
    }
  }

  runtime_targets = {
    DescribeFlow = { FlowName = local.flow_arns }
    FindData     = { Bucket = [for bucket in distinct(values(local.buckets)) : "arn:${local.partition}:s3:::${bucket}"] }
  }

  # Errors that the flows of AppFlow cause.
  business_errors = ["InvalidEvent", "IncompatibleDestination", "NoFields", "DataMissing", "IncompatibleTable"]

  failed = {
    name        = "failed-runs"
    description = "Runs of AppFlow that are not in the catalog wait in failed-runs. Fix what each message names, then redrive it."
  }
}

# The table of each flow is in it; executions make the tables.
resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "Records that AppFlow transferred, a table for each flow"
  tags        = module.workflow.tags
}

# --- transfers that this environment makes itself --------------------------------------------

module "exports" {
  source = "../../modules/bucket"

  name                = local.exports
  deletion_protection = var.settings.deletion_protection
  policies            = [data.aws_iam_policy_document.exports.json]
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

module "data" {
  source = "../../modules/bucket"

  name                = local.data
  deletion_protection = var.settings.deletion_protection
  policies            = [data.aws_iam_policy_document.data.json]
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

# AppFlow has no role: the buckets admit it, for the flows of this account.
data "aws_iam_policy_document" "exports" {
  statement {
    sid       = "ReadExports"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [module.exports.arn, "${module.exports.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["appflow.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:appflow:${local.place}:flow/${module.workflow.name}-*"]
    }
  }
}

data "aws_iam_policy_document" "data" {
  statement {
    sid = "WriteRecords"
    actions = [
      "s3:AbortMultipartUpload",
      "s3:GetBucketAcl",
      "s3:ListBucketMultipartUploads",
      "s3:ListMultipartUploadParts",
      "s3:PutObject",
      "s3:PutObjectAcl",
    ]
    resources = [module.data.arn, "${module.data.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["appflow.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:appflow:${local.place}:flow/${module.workflow.name}-*"]
    }
  }
}

resource "aws_appflow_flow" "this" {
  # checkov:skip=CKV_AWS_263:Between two buckets AppFlow keeps no data; the buckets encrypt it
  for_each = var.settings.transfers

  name        = "${module.workflow.name}-${each.key}"
  description = "Transfers the exports below ${each.key}/"
  tags        = module.workflow.tags

  source_flow_config {
    connector_type = "S3"

    source_connector_properties {
      s3 {
        bucket_name   = module.exports.name
        bucket_prefix = each.key

        s3_input_format_config {
          s3_input_file_type = each.value.source_format
        }
      }
    }
  }

  destination_flow_config {
    connector_type = "S3"

    destination_connector_properties {
      s3 {
        bucket_name = module.data.name

        s3_output_format_config {
          file_type                   = each.value.format
          preserve_source_data_typing = each.value.format == "PARQUET"

          aggregation_config {
            aggregation_type = each.value.single_file ? "SingleFile" : "None"
          }

          dynamic "prefix_config" {
            for_each = each.value.folders == null ? {} : { this = each.value.folders }

            content {
              prefix_type   = "PATH"
              prefix_format = prefix_config.value
            }
          }
        }
      }
    }
  }

  # AppFlow refuses a flow whose buckets do not admit it.
  depends_on = [module.exports, module.data]

  # Only the fields that are mapped.
  task {
    source_fields = keys(each.value.fields)
    task_type     = "Filter"

    connector_operator {
      s3 = "PROJECTION"
    }
  }

  dynamic "task" {
    for_each = each.value.fields

    content {
      source_fields     = [task.key]
      destination_field = task.key
      task_type         = "Map"

      connector_operator {
        s3 = "NO_OP"
      }

      task_properties = {
        DESTINATION_DATA_TYPE = task.value
        SOURCE_DATA_TYPE      = task.value
      }
    }
  }

  trigger_config {
    trigger_type = each.value.schedule == null ? "OnDemand" : "Scheduled"

    dynamic "trigger_properties" {
      for_each = each.value.schedule == null ? {} : { this = each.value.schedule }

      content {
        scheduled {
          schedule_expression = trigger_properties.value
          data_pull_mode      = "Incremental"
        }
      }
    }
  }
}
