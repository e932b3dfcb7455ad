data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"

  table       = "${module.workflow.name}-batches"
  bucket      = "${var.platform.name_prefix}-hpc-${local.account_id}"
  machine_arn = "arn:${local.partition}:states:${local.place}:stateMachine:${module.workflow.name}"
  collect_arn = module.batch.definition_arns["collect"]
}

# --- a run -----------------------------------------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts each run that is requested."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.pricing"], "detail-type" = ["Run Requested"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "hpc_orchestration"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table           = local.table
      bucket          = local.bucket
      queue           = module.batch.queue_arn
      simulate        = module.batch.definition_arns["simulate"]
      max_concurrency = var.settings.max_concurrency
    }
  }

  # Errors that the events cause.
  business_errors = ["InvalidRun", "RunExists", "EntriesFailed"]

  failed = {
    name        = "failed-runs"
    description = "Runs with failed entries wait in failed-runs. Fix what each message names, then redrive it: finished jobs are not repeated."
  }

  task_functions = {
    ReceiveRun = {
      module      = "receive_run"
      description = "Takes the run out of the event, checks it, adds the defaults, and claims it for the execution."
      environment = { TABLE = local.table }
      statements = {
        ClaimRun = {
          actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
          resources = [module.batches.arn]
        }
        FindOwner = {
          actions   = ["states:DescribeExecution"]
          resources = ["arn:${local.partition}:states:${local.place}:execution:${module.workflow.name}:*"]
        }
      }
    }
    Collect = {
      module      = "submit_collect"
      description = "Submits the job that merges the results of a batch and answers its task."
      environment = {
        TABLE          = local.table
        JOB_QUEUE      = module.batch.queue_arn
        JOB_DEFINITION = local.collect_arn
      }
      statements = {
        KeepToken = {
          actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
          resources = [module.batches.arn]
        }
        SubmitJob = {
          actions   = ["batch:SubmitJob"]
          resources = [module.batch.queue_arn, local.collect_arn, "${local.collect_arn}:*"]
        }
        AnswerAtOnce = {
          actions   = ["states:SendTaskSuccess"]
          resources = [local.machine_arn]
        }
      }
    }
  }
}

# --- the task of a dead job ------------------------------------------------------------------

module "dead_job_rule" {
  source = "../../modules/event_rule"

  name        = "${module.workflow.name}-dead-jobs"
  description = "Fails the task of each job that died before it answered."
  # A replay must not repeat the failure (docs/decisions/0014).
  event_bus_name = "default"
  pattern = jsonencode({
    source        = ["aws.batch"]
    "detail-type" = ["Batch Job State Change"]
    detail = {
      status = ["FAILED"]
      # Of every revision.
      jobDefinition = [{ prefix = "${local.collect_arn}:" }]
    }
  })
  target_arn    = module.dead_jobs.alias_arn
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "dead_jobs" {
  source = "../../modules/state_machine"

  name          = "${module.workflow.name}-dead-jobs"
  canary        = lookup(var.platform.machine_canaries, "${module.workflow.name}-dead-jobs", null)
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  logs          = var.platform.logs
  tags          = module.workflow.tags
  # The token is the one of a task of the other state machine.
  runtime_targets = { FailTask = { TaskToken = [local.machine_arn] } }

  definition = templatefile("${path.module}/dead_jobs.asl.json.tftpl", {
    table = local.table
    retry = {
      IntervalSeconds = var.platform.retry.interval_seconds
      MaxAttempts     = var.platform.retry.max_attempts
      BackoffRate     = var.platform.retry.backoff_rate
      MaxDelaySeconds = var.platform.retry.max_delay_seconds
      JitterStrategy  = "FULL"
    }
  })
}

# --- the jobs and their data -----------------------------------------------------------------

module "batch" {
  source = "../../modules/batch_queue"

  name        = module.workflow.name
  code_bucket = module.results.name
  network     = var.settings.network
  max_vcpus   = var.settings.max_vcpus
  logs        = var.platform.logs
  role        = var.platform.role
  tags        = module.workflow.tags

  jobs = {
    simulate = {
      package     = var.platform.packages["hpc_orchestration"]
      module      = "hpc_orchestration.simulate"
      parameters  = ["runId", "batch", "paths", "shards"]
      environment = { BUCKET = local.bucket }
      statements = {
        ReadAndWriteParts = {
          actions   = ["s3:GetObject", "s3:PutObject"]
          resources = ["${module.results.arn}/runs/*"]
        }
        FindParts = { actions = ["s3:ListBucket"], resources = [module.results.arn] }
      }
    }
    collect = {
      package     = var.platform.packages["hpc_orchestration"]
      module      = "hpc_orchestration.collect"
      parameters  = ["runId", "batch", "shards"]
      environment = { BUCKET = local.bucket, TABLE = local.table }
      statements = {
        ReadPartsAndWritePrices = {
          actions   = ["s3:GetObject", "s3:PutObject"]
          resources = ["${module.results.arn}/runs/*"]
        }
        ReadToken = {
          actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
          resources = [module.batches.arn]
        }
        AnswerTask = {
          actions   = ["states:SendTaskHeartbeat", "states:SendTaskSuccess"]
          resources = [local.machine_arn]
        }
      }
    }
  }
}

module "batches" {
  source = "../../modules/table"

  name                = local.table
  keys                = { partition = "runId", sort = "batch" }
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

module "results" {
  source = "../../modules/bucket"

  name                = local.bucket
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}
