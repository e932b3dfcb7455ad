# --- the buckets -----------------------------------------------------------------------------

module "lake" {
  source = "../../modules/bucket"

  name                = local.lake
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}

module "output" {
  source = "../../modules/bucket"

  name                = local.output
  deletion_protection = var.settings.deletion_protection
  # A deleted run is gone for good after a week.
  old_versions_days = 7
  # A bucket that is deleted with the flow needs no rule.
  lifecycle_rules = var.settings.deletion_protection ? { results = { prefix = "query-results/", delete_after_days = 30 } } : {}
  emulator        = var.platform.emulator
  tags            = module.workflow.tags
}

# --- the catalog and its crawlers ------------------------------------------------------------

resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "Tables of the raw data in ${local.lake}."
  tags        = module.workflow.tags
}

resource "aws_glue_crawler" "this" {
  # checkov:skip=CKV_AWS_195:The lake is encrypted with S3's keys; the log holds no data
  for_each = local.crawlers

  name          = "${local.name}-${each.key}"
  description   = "Finds new columns and partitions of the raw ${each.key}."
  database_name = aws_glue_catalog_database.this.name
  role          = aws_iam_role.crawler.arn
  tags          = module.workflow.tags

  dynamic "s3_target" {
    for_each = each.value

    content {
      path = "s3://${module.lake.name}/raw/${s3_target.value}/"
    }
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
    sid       = "ListLake"
    actions   = ["s3:ListBucket"]
    resources = [local.arns.lake]
  }

  statement {
    sid       = "ReadLake"
    actions   = ["s3:GetObject"]
    resources = ["${local.arns.lake}/raw/*"]
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

# One crawl, which a run waits for.
module "crawl" {
  source = "../../modules/async_call"

  platform = var.platform
  flow     = "athena_unload"
  name     = "crawl"

  call = {
    resource  = "arn:aws:states:::aws-sdk:glue:startCrawler"
    arguments = { Name = "{% $request.payload.crawler %}" }
    # A crawl that is under way is waited for.
    started_errors = ["Glue.CrawlerRunningException"]
  }
  poll = {
    resource  = "arn:aws:states:::aws-sdk:glue:getCrawler"
    arguments = { Name = "{% $request.payload.crawler %}" }
    output    = local.crawl_state
  }
  transient_errors = ["Glue.OperationTimeoutException", "Glue.GlueException"]
  limits           = { wait_seconds = var.settings.poll_seconds, deadline_seconds = 3600 }
  runtime_targets = {
    Call = { Name = [for key in keys(local.crawlers) : "${local.arns.catalog}:crawler/${local.name}-${key}"] }
    Poll = { Name = [for key in keys(local.crawlers) : "${local.arns.catalog}:crawler/${local.name}-${key}"] }
  }
}

locals {
  crawl_state = join("", [
    "{% ( $crawler := $states.result.Crawler; ",
    "$crawler.State != 'READY' ? { 'status': 'running' } : ",
    "$crawler.LastCrawl.Status = 'SUCCEEDED' ? { 'status': 'succeeded', 'result': { 'startedAt': $crawler.LastCrawl.StartTime } } : ",
    "{ 'status': 'failed', 'cause': $crawler.Name & ' ended as ' & $string($crawler.LastCrawl.Status) & ': ' & $string($crawler.LastCrawl.ErrorMessage) } ) %}",
  ])
}

# --- the queries -----------------------------------------------------------------------------

resource "aws_athena_workgroup" "this" {
  name          = "${local.name}-etl"
  description   = "Queries of the unloads."
  force_destroy = true
  tags          = module.workflow.tags

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.settings.most_bytes_scanned

    result_configuration {
      output_location = "s3://${module.output.name}/query-results/"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

# Analysts preview the features of a group of customers before they request their unload:
# EXECUTE discount_features USING 'M', 'M', '4 yr Degree', 2001
resource "aws_athena_prepared_statement" "features" {
  name        = "discount_features"
  description = "Averages by item for a gender, marital status, education and year."
  workgroup   = aws_athena_workgroup.this.name

  query_statement = join(" ", [
    "SELECT i_item_id, avg(ss_quantity) AS avg_sales, avg(ss_list_price) AS avg_list_price,",
    "avg(ss_coupon_amt) AS avg_coupon_amt, avg(ss_sales_price) AS avg_sales_price",
    "FROM store_sales, customer_demographics, date_dim, item, promotion",
    "WHERE cast(ss_sold_date_sk AS int) = d_date_sk AND ss_item_sk = i_item_sk AND ss_cdemo_sk = cd_demo_sk",
    "AND ss_promo_sk = p_promo_sk AND cd_gender = ? AND cd_marital_status = ? AND cd_education_status = ?",
    "AND (p_channel_email = 'N' OR p_channel_event = 'N') AND d_year = ? GROUP BY i_item_id",
  ])
}
