data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "events", data.aws_region.current.id,
    data.aws_caller_identity.current.account_id, "event-bus/${var.name}",
  ])

  audit_name = "${var.name}-audit"
  # EventBridge writes to groups below this prefix only.
  audit_group = "/aws/events/${local.audit_name}"
  log_group_prefix = join(":", [
    "arn", data.aws_partition.current.partition, "logs", data.aws_region.current.id,
    data.aws_caller_identity.current.account_id, "log-group",
  ])
  audit_group_arn = "${local.log_group_prefix}:${local.audit_group}"
  rule_prefix     = replace(local.arn, ":event-bus/", ":rule/")

  # The log of whole events, if there is one.
  whole_name  = "${var.name}-events"
  whole_group = "/aws/events/${local.whole_name}"
  whole       = var.whole_events == null ? {} : { this = var.whole_events }
  # The rules that write logs, and the groups that they write to.
  logs = merge(
    { (local.audit_name) = local.audit_group_arn },
    { for _ in local.whole : (local.whole_name) => "${local.log_group_prefix}:${local.whole_group}" },
  )
  # CloudWatch keeps logs for one of these numbers of days: the least that outlasts the archive.
  retentions = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
}

resource "aws_cloudwatch_event_bus" "this" {
  name        = var.name
  description = "Business events of ${var.name}"
  tags        = var.tags
}

resource "aws_cloudwatch_event_archive" "this" {
  # An archive's name has 48 characters at most.
  name             = length(var.name) <= 48 ? var.name : "${substr(var.name, 0, 39)}-${substr(sha256(var.name), 0, 8)}"
  description      = "Every event of the bus, to be replayed after a fault"
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = var.archive_days
}

# --- the audit log: which events the bus accepted ---------------------------------------------

# An archive can be replayed and not be listed.
resource "aws_cloudwatch_log_group" "audit" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group, and this one holds no event's detail
  # checkov:skip=CKV_AWS_338:The log outlasts the archive, which the environment's file gives its days
  name              = local.audit_group
  retention_in_days = min([for days in local.retentions : days if days >= var.archive_days]...)
  tags              = var.tags
}

module "audit" {
  source = "../event_rule"

  name           = local.audit_name
  description    = "Writes down every event that the bus accepts."
  event_bus_name = aws_cloudwatch_event_bus.this.name
  pattern        = jsonencode({ account = [data.aws_caller_identity.current.account_id] })
  target_arn     = local.audit_group_arn
  alarm_actions  = var.alarm_actions
  emulator       = var.emulator
  tags           = var.tags

  # Only fields that identify an event, never its detail: personal data stay out of logs. CloudWatch
  # takes these two fields and no others, the message as a text. The time is when the bus accepted
  # the event, which its sender cannot choose.
  input = {
    paths = {
      id          = "$.id"
      source      = "$.source"
      detail_type = "$.detail-type"
      resources   = "$.resources"
    }
    template = join("", [
      "{\"timestamp\":<aws.events.event.ingestion-time>,\"message\":\"{",
      join(",", [for name in ["id", "source", "detail_type", "resources"] : "\\\"${name}\\\":\\\"<${name}>\\\""]),
      "}\"}",
    ])
  }
}

# --- the log of whole events, with their details, where compliance asks for it -----------------

data "aws_iam_policy_document" "whole_events_key" {
  # checkov:skip=CKV_AWS_109:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_111:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_356:In a key's policy "*" is the key itself
  for_each = local.whole

  statement {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    sid = "EncryptWholeEvents"
    actions = [
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${data.aws_region.current.id}.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["${local.log_group_prefix}:${local.whole_group}"]
    }
  }
}

module "whole_events_key" {
  source   = "../kms_key"
  for_each = local.whole

  name        = local.whole_name
  description = "Encrypts the log of whole events of ${var.name}"
  policy      = data.aws_iam_policy_document.whole_events_key[each.key].json
  tags        = var.tags
}

resource "aws_cloudwatch_log_group" "whole_events" {
  # checkov:skip=CKV_AWS_338:The environment's file gives its days, as compliance asks
  for_each = local.whole

  name              = local.whole_group
  kms_key_id        = module.whole_events_key[each.key].arn
  retention_in_days = each.value.days
  tags              = var.tags
}

module "whole_events" {
  source   = "../event_rule"
  for_each = local.whole

  name           = local.whole_name
  description    = "Writes down every event that the bus accepts, with its detail."
  event_bus_name = aws_cloudwatch_event_bus.this.name
  pattern        = jsonencode({ account = [data.aws_caller_identity.current.account_id] })
  target_arn     = local.logs[local.whole_name]
  alarm_actions  = var.alarm_actions
  emulator       = var.emulator
  tags           = var.tags

  depends_on = [aws_cloudwatch_log_group.whole_events]
}

data "aws_iam_policy_document" "audit" {
  statement {
    # Made without naming the rule it is for, so nothing narrower than the group can be asked.
    sid       = "CreateAuditStreams"
    actions   = ["logs:CreateLogStream"]
    resources = [for arn in local.logs : "${arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }
  }

  statement {
    sid       = "WriteAudit"
    actions   = ["logs:PutLogEvents"]
    resources = [for arn in local.logs : "${arn}:*:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for name in keys(local.logs) : "${local.rule_prefix}/${name}"]
    }
  }
}

# CloudWatch Logs has these for the whole region of an account, ten at most.
resource "aws_cloudwatch_log_resource_policy" "audit" {
  policy_name     = local.audit_name
  policy_document = data.aws_iam_policy_document.audit.json
}
