data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# Those that are there, not those that are up: a zone that fails must not move the subnets.
data "aws_availability_zones" "this" {
  # checkov:skip=CKV_AWS_394:The first ones by name are taken, and a new one comes after them
  for_each = local.own

  # Has little room for functions.
  exclude_zone_ids = ["use1-az3"]

  # Not the local zones of single cities, which have few services.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  own    = var.settings.own == null ? {} : { this = var.settings.own }
  vpc_id = one(concat([for vpc in aws_vpc.this : vpc.id], [for vpc in [var.settings.existing] : vpc.vpc_id if vpc != null]))

  # One subnet in each zone, all of one size. Four more bits leave room for other subnets.
  subnets = merge([
    for network in values(local.own) : {
      for index in range(network.zones) : tostring(index) => cidrsubnet(network.cidr, 4, index)
    }
  ]...)
  zones = sort(flatten([for zones in data.aws_availability_zones.this : zones.names]))

  # The policy of each endpoint, by service.
  interfaces    = length(local.own) == 0 ? {} : var.interfaces
  gateways      = length(local.own) == 0 ? {} : var.gateways
  endpoint_base = "com.amazonaws.${data.aws_region.current.id}"
  partition     = data.aws_partition.current.partition
  place         = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  log_group     = "/aws/vpc/${var.name}"
  log_group_arn = "arn:${local.partition}:logs:${local.place}:log-group:${local.log_group}"
}

# There is no way to the internet and none from it: no gateway, no NAT, no public address.
resource "aws_vpc" "this" {
  for_each = local.own

  cidr_block           = each.value.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })

  lifecycle {
    precondition {
      condition     = length(local.zones) >= each.value.zones
      error_message = "The region has ${length(local.zones)} availability zones, fewer than network.own.zones."
    }
  }
}

resource "aws_subnet" "private" {
  for_each = local.subnets

  vpc_id            = local.vpc_id
  cidr_block        = each.value
  availability_zone = element(local.zones, tonumber(each.key))
  tags              = merge(var.tags, { Name = "${var.name}-private-${element(local.zones, tonumber(each.key))}" })
}

resource "aws_route_table" "private" {
  for_each = local.own

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = "${var.name}-private" })
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = one([for table in aws_route_table.private : table.id])
}

# The default security group allows no traffic. With the tag 'unused', the bootstrap lets the pipeline
# empty it and do nothing else with it.
resource "aws_default_security_group" "this" {
  for_each = local.own

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = "${var.name}-unused", unused = "true" })
}

# --- the ways to AWS's services --------------------------------------------------------------

data "aws_iam_policy_document" "endpoint" {
  for_each = merge(local.interfaces, local.gateways)

  statement {
    # Who may do it is for the roles to say. This keeps their data from another account's things,
    # and another account's credentials from leading anywhere.
    sid       = "OnlyThisAccount"
    actions   = each.value
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# A network interface in each subnet, to which the service's own name leads.
resource "aws_vpc_endpoint" "interface" {
  for_each = local.interfaces

  vpc_id              = local.vpc_id
  service_name        = "${local.endpoint_base}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [for group in aws_security_group.endpoints : group.id]
  policy              = data.aws_iam_policy_document.endpoint[each.key].json
  tags                = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# A route, which costs nothing.
resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateways

  vpc_id            = local.vpc_id
  service_name      = "${local.endpoint_base}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  policy            = data.aws_iam_policy_document.endpoint[each.key].json
  tags              = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# Each user of the endpoints adds a rule that admits its own security group.
resource "aws_security_group" "endpoints" {
  # checkov:skip=CKV2_AWS_5:It is attached to the interface endpoints above, of which there may be none
  for_each = local.own

  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS services"
  vpc_id      = local.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-endpoints" })
}

# --- who talked to whom ----------------------------------------------------------------------

resource "aws_flow_log" "this" {
  for_each = local.own

  vpc_id               = local.vpc_id
  traffic_type         = "ALL"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.connections[each.key].arn
  iam_role_arn         = aws_iam_role.flow_log[each.key].arn
  tags                 = merge(var.tags, { Name = var.name })

  depends_on = [aws_iam_role_policy.flow_log]
}

resource "aws_cloudwatch_log_group" "connections" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; addresses within the VPC are not secret
  for_each = local.own

  name              = local.log_group
  retention_in_days = var.logs.retention_days
  tags              = var.tags
}

resource "aws_iam_role" "flow_log" {
  for_each = local.own

  name                 = "${var.name}-flow-log"
  description          = "Lets the VPC ${var.name} log its connections"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.flow_log_trust.json
  tags                 = var.tags
}

data "aws_iam_policy_document" "flow_log_trust" {
  statement {
    sid     = "AssumedByFlowLogs"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      # AWS chooses a flow log's identifier when it makes it.
      values = ["arn:${local.partition}:ec2:${local.place}:vpc-flow-log/*"]
    }
  }
}

resource "aws_iam_role_policy" "flow_log" {
  for_each = local.own

  name   = "flow-log"
  role   = aws_iam_role.flow_log[each.key].name
  policy = data.aws_iam_policy_document.flow_log.json
}

data "aws_iam_policy_document" "flow_log" {
  statement {
    sid     = "WriteFlowLog"
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    # One stream for each network interface.
    resources = ["${local.log_group_arn}:*"]
  }

  statement {
    sid     = "FindLogGroup"
    actions = ["logs:DescribeLogGroups"]
    # This action knows no narrower resource.
    resources = ["arn:${local.partition}:logs:${local.place}:log-group:*"]
  }
}
