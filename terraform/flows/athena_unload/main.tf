data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"

  name     = module.workflow.flow_name
  database = replace("${local.name}-lake", "-", "_")
  lake     = "${local.name}-lake-${local.account_id}"
  output   = "${local.name}-out-${local.account_id}"

  arns = {
    lake    = "arn:${local.partition}:s3:::${local.lake}"
    output  = "arn:${local.partition}:s3:::${local.output}"
    catalog = "arn:${local.partition}:glue:${local.place}"
  }
  # A call on a table is also about its database and the catalog.
  tables = ["${local.arns.catalog}:catalog", "${local.arns.catalog}:database/${local.database}", "${local.arns.catalog}:table/${local.database}/*"]

  # By crawler, the folders below raw/ that are its tables.
  crawlers = {
    reviews = ["reviews"]
    sales = [
      "catalog_returns", "customer_address", "customer_demographics", "date_dim", "item",
      "promotion", "store_returns", "store_sales", "web_returns",
    ]
  }
}

# --- from a request or the clock to the notice -----------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the unload of each request."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.athena_unload"], "detail-type" = ["UnloadRequested"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "daily" {
  source = "../../modules/schedule"

  name          = "${module.workflow.name}-daily"
  description   = "Unloads the reviews each day."
  schedule      = { expression = var.settings.schedule, timezone = var.settings.timezone }
  target_arn    = module.workflow.alias_arn
  event         = { source = "flowbridge.athena_unload", detail_type = "UnloadRequested", detail = jsonencode({ useCase = "reviews" }) }
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "athena_unload"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      crawl = module.crawl.alias_arn
      # An object of JSONata, within a text of JSON.
      crawlers  = replace(jsonencode({ for key, crawler in aws_glue_crawler.this : key => crawler.name }), "\"", "'")
      workgroup = aws_athena_workgroup.this.name
      database  = local.database
      topic     = module.notices.arn
    }
  }

  # Errors that the requests cause.
  business_errors = ["InvalidRequest"]

  failed = {
    name        = "failed-unloads"
    description = "Unloads that failed wait in failed-unloads; consumers still read the run before. Fix the cause that each message names, then redrive it."
  }

  # A query reads and writes with the rights of the state machine's role.
  statements = {
    ReadTables  = { actions = ["glue:GetPartitions", "glue:GetTable"], resources = local.tables }
    ReadLake    = { actions = ["s3:GetObject"], resources = ["${local.arns.lake}/raw/*"] }
    ListBuckets = { actions = ["s3:GetBucketLocation", "s3:ListBucket"], resources = [local.arns.lake, local.arns.output] }
    WriteFiles  = { actions = ["s3:PutObject"], resources = ["${local.arns.output}/query-results/*", "${local.arns.output}/unload/*"] }
  }

  # By state; the other states call services directly.
  task_functions = {
    PlanUnload = {
      module      = "plan_unload"
      description = "Checks the request, and plans its query and the run's own folder."
      environment = { OUTPUT_BUCKET = local.output }
    }
    SwitchPointer = {
      module      = "switch_pointer"
      description = "Checks a run's files, and makes it the current one."
      environment = { OUTPUT_BUCKET = local.output }
      statements = {
        ReadManifest = { actions = ["s3:GetObject"], resources = ["${local.arns.output}/query-results/*", "${local.arns.output}/current/*"] }
        ListFiles    = { actions = ["s3:ListBucket"], resources = [local.arns.output] }
        MovePointer  = { actions = ["s3:PutObject"], resources = ["${local.arns.output}/current/*", "${local.arns.output}/unload/*"] }
      }
    }
    CleanUp = {
      module      = "clean_up"
      description = "Deletes runs that are neither current nor young."
      environment = { OUTPUT_BUCKET = local.output, KEEP_HOURS = tostring(var.settings.keep_hours) }
      statements = {
        ReadPointer = { actions = ["s3:GetObject"], resources = ["${local.arns.output}/current/*"] }
        ListRuns    = { actions = ["s3:ListBucket"], resources = [local.arns.output] }
        DeleteRuns  = { actions = ["s3:DeleteObject"], resources = ["${local.arns.output}/unload/*"] }
      }
    }
  }
}

# --- the notices -----------------------------------------------------------------------------

module "notices" {
  source = "../../modules/topic"

  name          = "${module.workflow.name}-notices"
  queues        = { consumer = { arn = module.consumer.arn } }
  alarm_actions = var.platform.alarm_actions
  emulator      = var.platform.emulator
  tags          = module.workflow.tags
}

# The place of the next system, such as a warehouse that loads the files.
module "consumer" {
  source = "../../modules/queue"

  name          = "${module.workflow.name}-consumer"
  senders       = { Notices = { service = "sns.amazonaws.com", source_arn = module.notices.arn } }
  alarm         = { more_than = 1000, description = "Notices arrive faster than the consumer reads them." }
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}
