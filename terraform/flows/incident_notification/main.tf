data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"

  incidents = "${module.workflow.name}-incidents"
  messages  = "${module.workflow.name}-messages"
  # AWS chooses the identifier of a number.
  number_arns = "arn:${local.partition}:sms-voice:${local.place}:phone-number/*"
  words       = { YES_WORDS = join(",", var.settings.words.yes), NO_WORDS = join(",", var.settings.words.no) }
}

# --- from the table through the state machine ------------------------------------------------

module "incidents" {
  source = "../../modules/table"

  name = local.incidents
  keys = { partition = "incident_id" }
  # The execution reads the incident itself, so phone numbers are in no record.
  stream              = "KEYS_ONLY"
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

module "new_incidents" {
  source = "../../modules/stream_consumer"

  name     = "${module.workflow.name}-incidents"
  table    = module.incidents
  function = module.start_incident
  filters  = [jsonencode({ eventName = ["INSERT"] })]
  # An incident that cannot be started holds back no other for long.
  batch         = { size = 10 }
  failures      = { maximum_retries = var.settings.start_retries }
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "start_incident" {
  source = "../../modules/lambda_function"

  name        = "${module.workflow.name}-start-incident"
  description = "Starts the execution of each new incident."
  canaries    = var.platform.canaries
  package     = var.platform.packages["incident_notification"]
  handler     = "incident_notification.start_incident.handler"
  # Two calls for each of ten incidents.
  timeout_seconds = 60
  environment = {
    STATE_MACHINE_ALIAS = module.workflow.alias_arn
    EXECUTIONS          = local.executions
  }
  statements = {
    StartIncidents   = { actions = ["states:StartExecution"], resources = [local.state_machine_arn] }
    CompareIncidents = { actions = ["states:DescribeExecution"], resources = ["${local.executions}:*"] }
  }
  logs          = var.platform.logs
  role          = var.platform.role
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

locals {
  # Composed, so that the policies are known when Terraform plans.
  state_machine_arn = "arn:${local.partition}:states:${local.place}:stateMachine:${module.workflow.name}"
  executions        = "arn:${local.partition}:states:${local.place}:execution:${module.workflow.name}"
}

# Failed incidents are redriven over the bus; new ones come from the table.
module "rule" {
  source = "../../modules/event_rule"

  name           = module.workflow.name
  description    = "Starts the notification of incidents that are redriven."
  event_bus_name = var.platform.event_bus.name
  pattern        = jsonencode({ source = ["flowbridge.incident_notification"], "detail-type" = ["IncidentReported"] })
  target_arn     = module.workflow.alias_arn
  role           = var.platform.role
  emulator       = var.platform.emulator
  alarm_actions  = var.platform.alarm_actions
  tags           = module.workflow.tags
}

module "workflow" {
  source = "../../modules/workflow"

  platform = var.platform
  flow     = "incident_notification"

  definition = {
    template = "${path.module}/state_machine.asl.json.tftpl"
    variables = {
      incidents         = local.incidents
      messages          = local.messages
      configuration_set = local.configuration_set
      event_bus         = var.platform.event_bus.name
    }
  }

  # The number that sends is in the execution's data.
  runtime_targets = { SendSms = { OriginationIdentity = [aws_pinpointsmsvoicev2_phone_number.this.arn] } }

  # Errors that the incidents cause.
  business_errors = ["InvalidIncident"]

  failed = {
    name        = "failed-incidents"
    description = "Incidents whose contacts could not be notified wait in failed-incidents. Fix the cause that each message names, such as the incident in the table, then redrive it."
  }

  task_functions = {
    CheckIncident = {
      module      = "check_incident"
      description = "Checks an incident, and prepares its messages."
      environment = merge(local.words, {
        SENDER       = aws_pinpointsmsvoicev2_phone_number.this.arn
        WAIT_SECONDS = tostring(var.settings.wait_seconds)
        MESSAGE_DAYS = tostring(var.settings.message_days)
      })
    }
  }
}

# --- from the replies to the incident --------------------------------------------------------

module "messages" {
  source = "../../modules/table"

  name                = local.messages
  keys                = { partition = "message_id" }
  ttl_attribute       = "expires_at"
  deletion_protection = var.settings.deletion_protection
  alarm_actions       = var.platform.alarm_actions
  tags                = module.workflow.tags
}

module "replies_topic" {
  source = "../../modules/topic"

  name = "${module.workflow.name}-replies"
  publishers = {
    # End User Messaging is not documented to name the number.
    Sms = { service = "sms-voice.amazonaws.com", source_arn = local.number_arns, names_source = false }
  }
  queues        = { replies = { arn = module.replies.queue_arn } }
  emulator      = var.platform.emulator
  alarm_actions = var.platform.alarm_actions
  tags          = module.workflow.tags
}

module "replies" {
  source = "../../modules/queue_consumer"

  platform = var.platform
  flow     = "incident_notification"
  name     = "replies"
  senders  = { Topic = { service = "sns.amazonaws.com", source_arn = module.replies_topic.arn } }
  batch    = { size = 10 }
  alarm    = { description = "Replies of contacts could not be applied to their incidents. Fix the cause that each message names, then redrive it." }

  function = {
    module      = "receive_reply"
    description = "Applies a contact's reply to its incident."
    environment = merge(local.words, {
      INCIDENTS_TABLE   = local.incidents
      MESSAGES_TABLE    = local.messages
      MESSAGE_DAYS      = tostring(var.settings.message_days)
      SENDER            = aws_pinpointsmsvoicev2_phone_number.this.arn
      CONFIGURATION_SET = local.configuration_set
    })
    statements = {
      ChangeIncidents     = { actions = ["dynamodb:UpdateItem"], resources = [module.incidents.arn] }
      FindOwnChanges      = { actions = ["dynamodb:GetItem"], resources = [module.incidents.arn] }
      FindMessages        = { actions = ["dynamodb:GetItem"], resources = [module.messages.arn] }
      RecordConfirmations = { actions = ["dynamodb:PutItem", "dynamodb:DeleteItem"], resources = [module.messages.arn] }
      SendConfirmations   = { actions = ["sms-voice:SendTextMessage"], resources = [aws_pinpointsmsvoicev2_phone_number.this.arn] }
      WakeIncidents       = { actions = ["states:SendTaskSuccess"], resources = [local.state_machine_arn] }
    }
  }
}

# --- incidents that neither contact takes -------------------------------------------------------------

resource "aws_cloudwatch_log_metric_filter" "unacknowledged" {
  name           = "unacknowledged"
  log_group_name = module.workflow.summary.log_group_name
  pattern        = "{ $.type = \"SucceedStateEntered\" && $.details.name = \"NobodyAcknowledged\" }"

  metric_transformation {
    namespace = "Flowbridge"
    name      = "${module.workflow.name}-unacknowledged"
    value     = "1"
    unit      = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "unacknowledged" {
  alarm_name          = "${module.workflow.name}-unacknowledged"
  alarm_description   = "Neither contact of an incident acknowledged it. The table ${local.incidents} has it as unacknowledged: review it, and take care of it."
  namespace           = "Flowbridge"
  metric_name         = aws_cloudwatch_log_metric_filter.unacknowledged.metric_transformation[0].name
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.platform.alarm_actions
  ok_actions          = var.platform.alarm_actions
  tags                = module.workflow.tags
}
