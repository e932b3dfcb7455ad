data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  partition   = data.aws_partition.current.partition
  schedule    = { source = "flowbridge.call_recording_archival", detail_type = "ArchiveRecordings" }
  table       = "${module.workflow.name}-state"
  makes       = var.settings.bucket_name == null ? { this = "${var.platform.name_prefix}-call-recordings-${data.aws_caller_identity.current.account_id}" } : {}
  bucket      = coalesce(var.settings.bucket_name, try(local.makes["this"], null))
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket}"
  recordings  = "${local.bucket_arn}/${var.settings.bucket_prefix}*"
  encrypted   = var.settings.kms_key_arn == null ? {} : { this = var.settings.kms_key_arn }
  environment = { RECORDINGS_BUCKET = local.bucket, OVERWRITE_PREVIOUS_CONVERTED = tostring(var.settings.overwrite_previous_converted) }
}

# --- every day, or for one day by hand ----------------------------------------------------------

module "schedule" {
  source = "../../modules/schedule"

  name          = "${module.workflow.name}-daily"
  description   = "Archives the call recordings of one day, some days after it."
  schedule      = var.settings.schedule
  target_arn    = module.workflow.alias_arn
  event         = merge(local.schedule, { detail = jsonencode({ specific_date = "" }) })
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Archives the call recordings of the day that an event names."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = [local.schedule.source], "detail-type" = [local.schedule.detail_type] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

# --- find the recordings ----------------------------------------------------------------------

module "workflow" {
  source = "../../modules/workflow"

  platform        = var.platform
  flow            = "call_recording_archival"
  timeout_seconds = 120

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table        = local.table
      queue_url    = module.convert.queue_url
      poll_seconds = var.settings.poll_seconds
    }
  }

  # Errors that the events cause.
  business_errors = ["InvalidEvent"]

  failed = {
    name        = "failed"
    description = "Runs of the call recording archival failed. Fix what each message names, then redrive it."
  }

  # By state; the other states call services directly.
  task_functions = {
    ChooseDays = {
      module      = "choose_days"
      description = "Chooses the days whose recordings are archived now."
      environment = {
        NUM_DAYS_AGE = tostring(var.settings.num_days_age)
        MOST_DAYS    = tostring(var.settings.most_days)
        FIRST_DAY    = coalesce(var.settings.first_day, "newest")
        STATE_TABLE  = local.table
      }
      statements = {
        ReadWatermark = { actions = ["dynamodb:GetItem"], resources = [module.state.arn] }
      }
    }
    QueueRecordings = {
      module      = "queue_recordings"
      description = "Puts the recordings of one page of a day into the queue."
      environment = merge(local.environment, {
        CONVERT_QUEUE_URL = module.convert.queue_url
        PAGE_SIZE         = tostring(var.settings.page_size)
        # A variable of a function may not be empty.
        RECORDINGS_PREFIX = "/${var.settings.bucket_prefix}"
      })
      statements = {
        ListRecordings = { actions = ["s3:ListBucket"], resources = [local.bucket_arn] }
        ReadTags       = { actions = ["s3:GetObjectTagging"], resources = [local.recordings] }
        QueueToConvert = { actions = ["sqs:SendMessage"], resources = [module.convert.queue_arn] }
      }
    }
  }
}

module "state" {
  source = "../../modules/table"

  name                = local.table
  keys                = { partition = "name" }
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

# --- convert them -----------------------------------------------------------------------------

module "convert" {
  source = "../../modules/queue_consumer"

  platform            = var.platform
  flow                = "call_recording_archival"
  name                = "convert"
  batch               = { size = 10 }
  maximum_concurrency = var.settings.convert.maximum_concurrency
  alarm               = { description = "Recordings could not be archived. Fix what each message names, then redrive it." }

  function = {
    module          = "convert_recording"
    description     = "Replaces recordings by A-law in one channel, in a cheaper storage class."
    timeout_seconds = var.settings.convert.timeout_seconds
    memory_mb       = var.settings.convert.memory_mb
    environment     = merge(local.environment, { STORAGE_CLASS = var.settings.s3_storage_tier })

    statements = merge(
      {
        # Without this right, S3 answers AccessDenied for a recording that was deleted.
        SeeMissingRecordings = { actions = ["s3:ListBucket"], resources = [local.bucket_arn] }
        ReadRecordings       = { actions = ["s3:GetObject"], resources = [local.recordings] }
        ReadTags             = { actions = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"], resources = [local.recordings] }
        ReplaceRecordings    = { actions = ["s3:PutObject"], resources = [local.recordings] }
        KeepTags             = { actions = ["s3:PutObjectTagging"], resources = [local.recordings] }
      },
      { for key in local.encrypted : "UseRecordingsKey" => { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [key] } },
    )
  }
}

# Amazon Connect's bucket, unless the settings name one.
module "recordings" {
  source   = "../../modules/bucket"
  for_each = local.makes

  name                = each.value
  deletion_protection = var.settings.deletion_protection
  # The replaced version is the original recording. The saving depends on its deletion.
  old_versions_days = var.settings.old_versions_days
  emulator          = var.platform.emulator
  tags              = module.workflow.tags
}
