locals {
  name = join("-", [var.platform.name_prefix, replace(var.flow, "_", "-"), replace(var.name, "_", "-")])
  tags = { flow = var.flow }

  # Lambda's advice: six attempts of a function that is throttled, and the time in which a batch fills.
  least_visibility   = 6 * var.function.timeout_seconds + var.batch.window_seconds
  visibility_timeout = coalesce(var.visibility_timeout_seconds, local.least_visibility)
  encrypted          = var.kms_key_arn == null ? {} : { this = var.kms_key_arn }
}

module "queue" {
  source = "../queue"

  name                       = local.name
  visibility_timeout_seconds = local.visibility_timeout
  senders                    = var.senders
  kms_key_arn                = var.kms_key_arn
  redrive                    = { dead_letter_queue_arn = module.dead_letters.existing_arn, max_receive_count = var.max_receive_count }
  emulator                   = var.platform.emulator
  alarm_actions              = var.platform.alarm_actions
  tags                       = local.tags

  alarm = {
    at_once          = false
    older_than_hours = var.alarm.backlog_hours
    description      = "The function ${module.function.name} does not keep up, or cannot read the queue."
  }
}

module "dead_letters" {
  source = "../queue"

  name          = "${local.name}-dead-letters"
  kms_key_arn   = var.kms_key_arn
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = local.tags
  alarm         = { description = var.alarm.description }
}

module "function" {
  source = "../lambda_function"

  name                 = join("-", [var.platform.name_prefix, replace(var.flow, "_", "-"), replace(var.function.module, "_", "-")])
  description          = var.function.description
  canaries             = var.platform.canaries
  package              = var.platform.packages[var.flow]
  handler              = "${var.flow}.${var.function.module}.handler"
  timeout_seconds      = var.function.timeout_seconds
  memory_mb            = var.function.memory_mb
  reserved_concurrency = var.function.reserved_concurrency
  environment          = merge({ DEAD_LETTER_QUEUE_URL = module.dead_letters.url }, var.function.environment)
  logs                 = var.platform.logs
  role                 = var.platform.role
  alarm_actions        = var.platform.alarm_actions
  tags                 = local.tags

  statements = merge(
    {
      # Lambda reads the queue with the function's role.
      ReadQueue = {
        actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [module.queue.arn]
      }
      SetAside = { actions = ["sqs:SendMessage"], resources = [module.dead_letters.arn] }
    },
    { for key in local.encrypted : "UseQueueKey" => { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [key] } },
    var.function.statements,
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = module.queue.existing_arn
  function_name                      = module.function.alias_arn
  batch_size                         = var.batch.size
  maximum_batching_window_in_seconds = var.batch.window_seconds
  # Messages that the function does not report are deleted.
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags

  dynamic "scaling_config" {
    for_each = var.maximum_concurrency == null ? {} : { this = var.maximum_concurrency }

    content {
      maximum_concurrency = scaling_config.value
    }
  }

  dynamic "filter_criteria" {
    for_each = length(var.filters) == 0 ? {} : { this = var.filters }

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.visibility_timeout >= local.least_visibility
      error_message = "visibility_timeout_seconds of ${local.name} is ${local.visibility_timeout}, and ${local.least_visibility} is the least: six times the function's timeout, and the batch's window. Raise it, or leave it out."
    }

    precondition {
      condition     = try(var.maximum_concurrency <= var.function.reserved_concurrency, true)
      error_message = "maximum_concurrency of ${local.name} is above the function's reserved concurrency, so messages would be received and refused. Lower it."
    }
  }
}
