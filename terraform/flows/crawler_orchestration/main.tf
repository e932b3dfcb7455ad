data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"

  name     = module.workflow.flow_name
  database = replace(local.name, "-", "_")
  data     = "${local.name}-data-${local.account_id}"
  results  = "${local.name}-results-${local.account_id}"

  arns = {
    data    = "arn:${local.partition}:s3:::${local.data}"
    catalog = "arn:${local.partition}:glue:${local.place}"
  }
  # A call on a table is also about its database and the catalog.
  tables = ["${local.arns.catalog}:catalog", "${local.arns.catalog}:database/${local.database}", "${local.arns.catalog}:table/${local.database}/*"]

  crawlers     = { for name, data_set in var.settings.data_sets : name => "${local.name}-${name}" }
  crawler_arns = [for name in values(local.crawlers) : "${local.arns.catalog}:crawler/${name}"]

  # Every event selects among these: other crawlers of the account may have the same tags.
  own_tag = { "crawled-by" = local.name }

  retry = {
    IntervalSeconds = var.platform.retry.interval_seconds
    MaxAttempts     = var.platform.retry.max_attempts
    BackoffRate     = var.platform.retry.backoff_rate
    MaxDelaySeconds = var.platform.retry.max_delay_seconds
    JitterStrategy  = "FULL"
  }
  expressions = yamldecode(file("${path.module}/expressions.yaml"))
}

# --- run_crawlers_with_tags ------------------------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Runs the crawlers with the tags of each request."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.crawler_orchestration"], "detail-type" = ["CrawlRequested"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "daily" {
  source = "../../modules/schedule"

  name          = "${module.workflow.name}-daily"
  description   = "Runs the crawlers with the tags of the settings."
  schedule      = { expression = var.settings.schedule, timezone = var.settings.timezone }
  target_arn    = module.workflow.alias_arn
  event         = { source = "flowbridge.crawler_orchestration", detail_type = "CrawlRequested", detail = jsonencode({ tags = var.settings.schedule_tags }) }
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "crawler_orchestration"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      run_crawler = module.run_crawler.alias_arn
      # An object of JSONata, within a text of JSON.
      own_tag         = replace(jsonencode(local.own_tag), "\"", "'")
      page_size       = var.settings.page_size
      max_concurrency = var.settings.max_concurrency
      run_seconds     = local.run_seconds
      expressions     = local.expressions
    }
  }

  # Errors that the requests cause.
  business_errors = ["InvalidEvent", "NoCrawlersFound"]

  failed = {
    name        = "failed-crawls"
    description = "Requests with failed crawlers wait in failed-crawls. Fix what each message names, then redrive it: all crawlers with the tags run again."
  }

  # Glue lists crawlers without a narrower resource.
  statements = { ListCrawlers = { actions = ["glue:ListCrawlers"], resources = ["*"] } }
}

# --- run_crawler -----------------------------------------------------------------------------

locals {
  crawl_seconds = var.settings.crawl_minutes * 60
  # The crawl that is under way, the one after it, and what their state machines add.
  run_seconds = 2 * (local.crawl_seconds + 600) + 1800
}

module "run_crawler" {
  source = "../../modules/state_machine"

  name          = "${module.workflow.name}-run-crawler"
  canary        = lookup(var.platform.machine_canaries, "${module.workflow.name}-run-crawler", null)
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  logs          = var.platform.logs
  tags          = module.workflow.tags
  # The request counts the failure of a crawler.
  alarm_on_failure = false

  definition = templatefile("${path.module}/run_crawler.asl.json.tftpl", {
    crawl         = module.crawl.alias_arn
    crawl_seconds = local.crawl_seconds + 600
    expressions   = local.expressions
    retry         = local.retry
  })
}

# One crawl. It succeeds when the crawler is ready, however the crawl ended.
module "crawl" {
  source = "../../modules/async_call"

  platform = var.platform
  flow     = "crawler_orchestration"
  name     = "crawl"

  call = {
    resource  = "arn:aws:states:::aws-sdk:glue:startCrawler"
    arguments = { Name = "{% $request.payload.crawler %}" }
    output    = "started"
    # A crawl that is under way is waited for, and $job stays empty.
    started_errors = ["Glue.CrawlerRunningException"]
  }
  poll = {
    resource  = "arn:aws:states:::aws-sdk:glue:getCrawler"
    arguments = { Name = "{% $request.payload.crawler %}" }
    output    = local.expressions.crawl
  }
  transient_errors = ["Glue.OperationTimeoutException", "Glue.GlueException"]
  limits           = { wait_seconds = var.settings.poll_seconds, deadline_seconds = local.crawl_seconds }
  runtime_targets  = { Call = { Name = local.crawler_arns }, Poll = { Name = local.crawler_arns } }
}

# --- create_dataset --------------------------------------------------------------------------

module "data_sets_rule" {
  source = "../../modules/event_rule"

  name           = module.create_dataset.name
  description    = "Writes the data sets that are requested."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.crawler_orchestration"], "detail-type" = ["DataSetsRequested"] })
  target_arn     = module.create_dataset.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "create_dataset" {
  source = "../../modules/state_machine"

  name          = "${module.workflow.name}-create-dataset"
  canary        = lookup(var.platform.machine_canaries, "${module.workflow.name}-create-dataset", null)
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  logs          = var.platform.logs
  tags          = module.workflow.tags

  definition = templatefile("${path.module}/create_dataset.asl.json.tftpl", {
    functions      = { WriteDataSet = module.write_data_set.alias_arn }
    first_year     = var.settings.first_year
    last_year      = var.settings.last_year
    expressions    = local.expressions
    retry          = local.retry
    service_errors = jsondecode(file("${path.module}/../../modules/workflow/service_errors.json"))
  })
}

module "write_data_set" {
  source = "../../modules/lambda_function"

  name            = "${module.workflow.name}-write-data-set"
  canaries        = var.platform.canaries
  description     = "Writes the files of some years of a data set."
  package         = var.platform.packages["crawler_orchestration"]
  handler         = "crawler_orchestration.write_data_set.handler"
  environment     = { DATA_BUCKET = local.data }
  statements      = { WriteData = { actions = ["s3:PutObject"], resources = ["${local.arns.data}/data/*"] } }
  timeout_seconds = 120
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags
}
