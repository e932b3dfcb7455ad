# --- the buckets -----------------------------------------------------------------------------

module "data" {
  source = "../../modules/bucket"

  name                = local.data
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

module "results" {
  source = "../../modules/bucket"

  name                = local.results
  deletion_protection = var.settings.deletion_protection
  # A bucket that is deleted with the flow needs no rule.
  lifecycle_rules = var.settings.deletion_protection ? { results = { prefix = "query-results/", delete_after_days = 30 } } : {}
  emulator        = var.platform.emulator
  tags            = module.workflow.tags
}

# --- the catalog and its crawlers ------------------------------------------------------------

resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "Tables of the data sets in ${local.data}."
  tags        = module.workflow.tags
}

resource "aws_glue_crawler" "this" {
  # checkov:skip=CKV_AWS_195:The data are encrypted with S3's keys; the log holds no data
  for_each = local.crawlers

  name          = each.value
  description   = "Finds new columns and partitions of ${each.key}."
  database_name = aws_glue_catalog_database.this.name
  role          = aws_iam_role.crawler.arn

  tags = merge(var.settings.data_sets[each.key].further_tags, module.workflow.tags, local.own_tag, {
    datasource       = "s3"
    datatype         = var.settings.data_sets[each.key].datatype
    "is-partitioned" = var.settings.data_sets[each.key].is_partitioned ? "yes" : "no"
    bucket           = local.data
    folder           = "data/${each.key}"
  })

  s3_target {
    path = "s3://${module.data.name}/data/${each.key}/"
  }

  depends_on = [aws_iam_role_policy.crawler]
}

resource "aws_iam_role" "crawler" {
  name                 = "${local.name}-crawler"
  description          = "Role of the crawlers of ${local.name}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  path                 = var.platform.role.path
  permissions_boundary = var.platform.role.permissions_boundary
  tags                 = module.workflow.tags
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByCrawlers"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:glue:${local.place}:*"]
    }
  }
}

resource "aws_iam_role_policy" "crawler" {
  name   = "crawler"
  role   = aws_iam_role.crawler.name
  policy = data.aws_iam_policy_document.crawler.json
}

data "aws_iam_policy_document" "crawler" {
  statement {
    sid       = "ListData"
    actions   = ["s3:ListBucket"]
    resources = [local.arns.data]
  }

  statement {
    sid       = "ReadData"
    actions   = ["s3:GetObject"]
    resources = ["${local.arns.data}/data/*"]
  }

  statement {
    sid = "KeepTables"
    actions = [
      "glue:BatchCreatePartition",
      "glue:CreateTable",
      "glue:GetDatabase",
      "glue:GetTable",
      "glue:UpdateTable",
    ]
    resources = local.tables
  }

  statement {
    sid       = "WriteCrawlerLog"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.place}:log-group:/aws-glue/crawlers:*"]
  }
}

# --- the queries -----------------------------------------------------------------------------

resource "aws_athena_workgroup" "this" {
  name          = local.name
  description   = "Queries of the data sets."
  force_destroy = true
  tags          = module.workflow.tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.settings.most_bytes_scanned

    result_configuration {
      output_location = "s3://${module.results.name}/query-results/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}
