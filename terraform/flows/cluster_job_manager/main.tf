data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  partition = data.aws_partition.current.partition
  table     = "${module.workflow.name}-jobs"
  # The owner of the clusters creates the secret; Terraform knows only its name.
  secret = "${module.workflow.name}-token"
  clusters = {
    CLUSTERS = jsonencode({
      for name, cluster in var.settings.clusters : name => {
        url      = startswith(cluster.url, "/") ? "${try(var.platform.emulator.endpoint, "")}${cluster.url}" : cluster.url
        cpu      = floor(cluster.cpu * cluster.share_percent / 100)
        memoryGb = floor(cluster.memory_gb * cluster.share_percent / 100)
      }
    })
  }
  called = merge(local.clusters, { CLUSTER_SECRET = local.secret })
  read_token = {
    ReadToken = {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = ["arn:${local.partition}:secretsmanager:${local.place}:secret:${local.secret}-??????"]
    }
  }
  jobs = "arn:${local.partition}:dynamodb:${local.place}:table/${local.table}"
}

# --- from the bus through the state machine --------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the management of each job that is requested."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.cluster_jobs"], "detail-type" = ["Job Requested"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "cluster_job_manager"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      table             = local.table
      ageing_seconds    = var.settings.scheduler.ageing_seconds
      heartbeat_seconds = var.settings.scheduler.heartbeat_seconds
      queue_seconds     = var.settings.longest_wait_days * 24 * 3600
      longest_seconds   = var.settings.longest_days * 24 * 3600
      kept_seconds      = 30 * 24 * 3600
      poll_min_seconds  = var.settings.poll.min_seconds
      poll_max_seconds  = var.settings.poll.max_seconds
    }
  }

  # Errors that the events and their jobs cause.
  business_errors = ["InvalidJob", "JobTooLarge", "JobExists", "JobFailed", "JobTimedOut"]

  failed = {
    name        = "failed-jobs"
    description = "Jobs that were not done wait in failed-jobs. Fix what each message names, then redrive it."
  }

  # By state; the other states call DynamoDB directly.
  task_functions = {
    ReceiveJob = {
      module      = "receive_job"
      description = "Takes the job out of the event, checks it, and refuses one that no cluster could hold."
      environment = local.clusters
    }
    StartJobRun = {
      module      = "start_job_run"
      description = "Submits an attempt of a job to its cluster."
      environment = local.called
      statements  = local.read_token
    }
    GetJobStatus = {
      module      = "get_job_status"
      description = "Asks a cluster for the state of a run."
      environment = local.called
      statements  = local.read_token
    }
    CancelJobRun = {
      module      = "cancel_job_run"
      description = "Cancels a run on its cluster."
      environment = local.called
      statements  = local.read_token
    }
  }
}

# --- the queue and its scheduler -------------------------------------------------------------

module "jobs" {
  source = "../../modules/table"

  name = local.table
  keys = { partition = "jobId" }
  # The jobs of a status, the next one first.
  indexes             = { queue = { partition = "status", sort = "rank", whole_items = true } }
  number_keys         = ["rank"]
  ttl_attribute       = "expiresAt"
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

module "schedule" {
  source = "../../modules/schedule"

  name        = "${module.workflow.name}-scheduler"
  description = "Starts the scheduler, which gives waiting jobs the free space of the clusters."
  schedule    = { expression = var.settings.scheduler.rate }
  target_arn  = module.scheduler.alias_arn
  event = {
    source      = "flowbridge.cluster_jobs"
    detail_type = "Scheduler Due"
    detail = jsonencode({
      roundSeconds = var.settings.scheduler.round_seconds
      workSeconds  = var.settings.scheduler.work_seconds
    })
  }
  # The next call does the same.
  retry         = { maximum_event_age_seconds = 60, maximum_attempts = 3 }
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "scheduler" {
  source = "../../modules/lambda_function"

  name        = "${module.workflow.name}-schedule-jobs"
  canaries    = var.platform.canaries
  description = "Gives waiting jobs the free space of the clusters, by rank, and keeps the queue and the executions in step."
  package     = var.platform.packages["cluster_job_manager"]
  handler     = "cluster_job_manager.schedule_jobs.handler"
  environment = merge(local.called, {
    JOBS_TABLE        = local.table
    BACKFILL_SECONDS  = tostring(var.settings.scheduler.backfill_seconds)
    HEARTBEAT_SECONDS = tostring(var.settings.scheduler.heartbeat_seconds)
  })
  timeout_seconds = var.settings.scheduler.work_seconds + 60
  # Each call works for most of that time.
  alarm         = { timeout_share = 0.95 }
  logs          = var.platform.logs
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags

  statements = merge(local.read_token, {
    ReadQueue = { actions = ["dynamodb:Query"], resources = ["${local.jobs}/index/queue"] }
    ReadJobs  = { actions = ["dynamodb:GetItem"], resources = [local.jobs] }
    # Grants, notices and heartbeats; the lease is an item of its own.
    ChangeJobs      = { actions = ["dynamodb:UpdateItem"], resources = [local.jobs] }
    TakeLease       = { actions = ["dynamodb:PutItem"], resources = [local.jobs] }
    GiveLease       = { actions = ["dynamodb:DeleteItem"], resources = [local.jobs] }
    NotifyWaiting   = { actions = ["states:SendTaskSuccess"], resources = [module.workflow.state_machine_arn] }
    KeepWaiting     = { actions = ["states:SendTaskHeartbeat"], resources = [module.workflow.state_machine_arn] }
    LookAtExecution = { actions = ["states:DescribeExecution"], resources = ["${replace(module.workflow.state_machine_arn, ":stateMachine:", ":execution:")}:*"] }
  })
}

# --- executions that are stopped -------------------------------------------------------------

module "stopped" {
  source = "../../modules/event_rule"

  name        = "${module.workflow.name}-stopped"
  description = "Cancels the job of an execution that was stopped or timed out."
  # A replay must not repeat the cancellation (docs/decisions/0014).
  event_bus_name = "default"
  pattern = jsonencode({
    source        = ["aws.states"]
    "detail-type" = ["Step Functions Execution Status Change"]
    detail        = { stateMachineArn = [module.workflow.state_machine_arn], status = ["ABORTED", "TIMED_OUT"] }
  })
  target_arn    = module.stopped_execution.alias_arn
  role          = var.platform.role
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "stopped_execution" {
  source = "../../modules/lambda_function"

  name            = "${module.workflow.name}-stopped-execution"
  canaries        = var.platform.canaries
  description     = "Cancels the job of an execution that was stopped or timed out, and gives its space back."
  package         = var.platform.packages["cluster_job_manager"]
  handler         = "cluster_job_manager.stopped_execution.handler"
  environment     = merge(local.called, { JOBS_TABLE = local.table })
  timeout_seconds = 30
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags

  statements = merge(local.read_token, {
    ReadJobs = { actions = ["dynamodb:GetItem"], resources = [local.jobs] }
    EndJobs  = { actions = ["dynamodb:UpdateItem"], resources = [local.jobs] }
  })
}
