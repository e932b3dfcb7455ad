data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  place      = "${data.aws_region.current.id}:${local.account_id}"

  bucket = "${var.platform.name_prefix}-async-results-${local.account_id}"
  # The service has its owner, who creates the secret with its URL and key; Terraform knows only its name.
  secret = "${module.workflow.name}-service"

  invoke = "arn:${local.partition}:states:::lambda:invoke"
}

# --- from the bus through the parent ---------------------------------------------------------

module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the analysis of each request."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.async_polling"], "detail-type" = ["AnalysisRequest"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "async_polling"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      call           = module.call.alias_arn
      parallel_calls = var.settings.parallel_calls
    }
  }

  # Errors that the events cause.
  business_errors = ["InvalidRequest", "AsyncCallFailed"]

  failed = {
    name        = "failed"
    description = "Requests whose analysis failed wait in failed. Fix what each message names, then redrive it."
  }

  task_functions = {
    ReceiveRequest = {
      module      = "receive_request"
      description = "Takes the request out of the event, and checks it."
    }
  }
}

# --- the child that every call runs ----------------------------------------------------------

module "call" {
  source = "../../modules/async_call"

  platform = var.platform
  flow     = "async_polling"
  limits   = var.settings.limits

  # Functions, because a result may be larger than a state's output and then goes to S3.
  call = {
    resource  = local.invoke
    arguments = { FunctionName = module.function["StartJob"].alias_arn, Payload = "{% $request %}" }
    output    = "{% $states.result.Payload %}"
  }
  poll = {
    resource  = local.invoke
    arguments = { FunctionName = module.function["PollJob"].alias_arn, Payload = { job = "{% $job %}", request = "{% $request %}" } }
    output    = "{% $states.result.Payload %}"
  }
  cancel = {
    resource  = local.invoke
    arguments = { FunctionName = module.function["CancelJob"].alias_arn, Payload = "{% $request %}" }
  }
  transient_errors = local.transient_errors
}

locals {
  transient_errors = ["ServiceUnavailable", "ResultsUnavailable"]

  functions = {
    StartJob = {
      module      = "start_job"
      description = "Starts the job of a call."
      statements = {
        ReadLargeInput = { actions = ["s3:GetObject"], resources = ["${module.results.arn}/results/*"] }
      }
    }
    PollJob = {
      module      = "poll_job"
      description = "Looks at the job of a call, and stores a large result."
      statements = {
        StoreLargeResult = { actions = ["s3:PutObject"], resources = ["${module.results.arn}/results/*"] }
      }
    }
    CancelJob = {
      module      = "cancel_job"
      description = "Cancels the job of a call that ended without its result."
      statements  = {}
    }
  }
}

module "function" {
  source   = "../../modules/lambda_function"
  for_each = local.functions

  name            = "${module.workflow.name}-${replace(each.value.module, "_", "-")}"
  canaries        = var.platform.canaries
  description     = each.value.description
  package         = var.platform.packages["async_polling"]
  handler         = "async_polling.${each.value.module}.handler"
  timeout_seconds = 30
  logs            = var.platform.logs
  role            = var.platform.role
  alarm_actions   = var.platform.alarm_actions
  tags            = module.workflow.tags

  environment = {
    SERVICE_SECRET = local.secret
    RESULTS_BUCKET = module.results.name
    # The outputs of a hundred calls at once share the 256 KB of the parent's state.
    INLINE_BYTES = "2000"
  }
  statements = merge(each.value.statements, {
    ReadService = {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = ["arn:${local.partition}:secretsmanager:${local.place}:secret:${local.secret}-??????"]
    }
  })

  # The call survives what is transient, and its failure raises the alarm.
  business_errors = concat(["ServiceRefused"], local.transient_errors)
}

module "results" {
  source = "../../modules/bucket"

  name = local.bucket
  # The emulator deletes nothing, and Terraform's provider waits a minute for a rule.
  lifecycle_rules     = var.platform.emulator == null ? { results = { prefix = "results/", delete_after_days = var.settings.result_days } } : {}
  deletion_protection = var.settings.deletion_protection
  emulator            = var.platform.emulator
  tags                = module.workflow.tags
}
