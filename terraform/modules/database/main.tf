data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  place     = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"

  # One entry or none, so that each mode's resources exist in that mode only.
  rds         = var.settings.mode == "rds" ? { this = var.settings.rds } : {}
  on_premises = var.settings.mode == "on_premises" ? { this = var.settings.on_premises } : {}
  network     = var.network == null ? {} : { this = var.network }

  application_secret_name = "${var.name}-application"

  account_arn = "arn:${local.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
  region      = data.aws_region.current.id

  # The authority that vouches for the server: Amazon's of the region, the emulator's, the owners' own.
  rds_ca         = try(coalesce(try(var.emulator.database_ca, null), file("${path.module}/certificates/${local.region}.pem")), null)
  ca_certificate = var.settings.mode == "rds" ? local.rds_ca : one(values(local.on_premises)[*].ca_certificate)

  # The slow-query log quotes statements, and with them what is written. The audit log would too.
  exported_logs = toset(flatten([for database in values(local.rds) : concat(["error"], database.slow_query_log ? ["slowquery"] : [])]))

  # The small classes have no Database Insights.
  has_insights = { for key, database in local.rds : key => !can(regex("^db\\.t[234]g?\\.(micro|small)$", database.instance_class)) }

  engine_version = { for key, database in local.rds : key => coalesce(database.engine_version, "11.8") }
  # Only a version that the settings name may upgrade the server, never another default of this module.
  # A major upgrade that waits for the maintenance window would leave the old parameter group in use,
  # and Terraform could not delete it.
  allow_major_upgrade = { for key, database in local.rds : key => database.engine_version != null && database.apply_immediately }

  insights_days = { standard = 7, advanced = 465 }

  # Unique for each life of the database: the snapshot of the last one keeps its name.
  final_snapshot = { for key, database in local.rds : key => "${var.name}-final-${substr(regex("[^/]+$", module.key[key].arn), 0, 8)}" }

  location = one(concat(
    [for database in values(local.on_premises) : {
      host         = database.host
      port         = coalesce(try(var.emulator.database_port, null), database.port)
      name         = database.name
      admin_secret = data.aws_secretsmanager_secret.admin["this"].arn
    }],
    [for database in values(local.rds) : {
      host         = aws_db_instance.this["this"].address
      port         = aws_db_instance.this["this"].port
      name         = database.name
      admin_secret = one(aws_db_instance.this["this"].master_user_secret[*].secret_arn)
    }],
  ))
}

# ------------------------------------------------------------------ the application's own user

ephemeral "aws_secretsmanager_random_password" "application" {
  password_length = 32
  # Quotation marks and backslashes are the characters that programs treat in different ways.
  exclude_characters = "\"'\\`"
}

resource "aws_secretsmanager_secret" "application" {
  # checkov:skip=CKV_AWS_149:The key that AWS manages for the account keeps other accounts out
  # checkov:skip=CKV2_AWS_57:Raising the generation rotates it, in one apply, when the operator says so
  name                    = local.application_secret_name
  description             = "The database user of the backend functions, which may do what their statements need and no more"
  recovery_window_in_days = var.secret_recovery_days
  tags                    = var.tags
}

resource "aws_secretsmanager_secret_version" "application" {
  secret_id = aws_secretsmanager_secret.application.id
  # Write-only: Terraform sends the value and keeps it nowhere.
  secret_string_wo = jsonencode({
    username = var.settings.application_user
    password = ephemeral.aws_secretsmanager_random_password.application.random_password
  })
  secret_string_wo_version = var.settings.password_version
}

# ------------------------------------------------------------------------------- on premises

data "aws_secretsmanager_secret" "admin" {
  for_each = local.on_premises

  name = each.value.admin_secret_name
}

# --------------------------------------------------------------------------------------- RDS

locals {
  # By key: the services, with their region, through which it can be used.
  users_of_keys = {
    for key, services in {
      data = [for service in ["rds", "secretsmanager"] : "${service}.${local.region}"]
      copy = [for copy in local.copies : "rds.${copy.region}"]
    } : key => [for service in services : "${service}.${data.aws_partition.current.dns_suffix}"] if length(services) > 0
  }
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_111:In a key's policy "*" is the key itself
  # checkov:skip=CKV_AWS_356:In a key's policy "*" is the key itself
  for_each = local.users_of_keys

  statement {
    sid = "UseThroughServices"
    actions = [
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GenerateDataKeyWithoutPlaintext",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.account_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = each.value
    }
  }

  statement {
    # RDS keeps the key in use after the call that names it, by a grant.
    sid       = "GrantToServices"
    actions   = ["kms:CreateGrant"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.account_arn]
    }

    condition {
      test     = "Bool"
      variable = "kms:GrantIsForAWSResource"
      values   = ["true"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = each.value
    }
  }
}

# For the data, its snapshots, Database Insights and the administrator's secret.
module "key" {
  source   = "../kms_key"
  for_each = local.rds

  name        = var.name
  description = "Encrypts ${var.name}"
  policy      = data.aws_iam_policy_document.key["data"].json
  tags        = var.tags
}

# Made here, before RDS would make them with no end of retention.
resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group; what needs more than that is not logged
  # checkov:skip=CKV_AWS_338:Each environment says how long it keeps logs
  for_each = local.exported_logs

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_db_subnet_group" "this" {
  for_each = local.rds

  name        = var.name
  description = "Subnets of ${var.name}"
  subnet_ids  = var.network.subnet_ids
  tags        = var.tags
}

resource "aws_db_parameter_group" "this" {
  for_each = local.rds

  # During a major upgrade the groups of both versions exist.
  name_prefix = "${var.name}-"
  family      = "mariadb${local.engine_version[each.key]}"
  description = "Parameters of ${var.name}"
  tags        = var.tags

  parameter {
    name  = "max_connections"
    value = tostring(local.max_connections[each.key])
  }

  parameter {
    name  = "require_secure_transport"
    value = "1"
  }

  parameter {
    name  = "character_set_server"
    value = "utf8mb4"
  }

  # CloudWatch takes logs from files only.
  parameter {
    name  = "log_output"
    value = "FILE"
  }

  parameter {
    name  = "slow_query_log"
    value = each.value.slow_query_log ? "1" : "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_293:On unless an environment switches it off
  # checkov:skip=CKV_AWS_133:Seven days unless an environment says otherwise
  # checkov:skip=CKV_AWS_157:Each environment says whether it pays for a second zone
  # checkov:skip=CKV_AWS_353:On wherever the instance's class has it
  # checkov:skip=CKV_AWS_118:The metrics of each minute are enough for the alarms
  for_each = local.rds

  identifier                  = var.name
  engine                      = "mariadb"
  engine_version              = local.engine_version[each.key]
  allow_major_version_upgrade = local.allow_major_upgrade[each.key]
  apply_immediately           = each.value.apply_immediately
  auto_minor_version_upgrade  = true
  instance_class              = each.value.instance_class
  allocated_storage           = each.value.storage_gb
  max_allocated_storage       = each.value.storage_gb * 4
  storage_type                = "gp3"
  storage_encrypted           = true
  kms_key_id                  = module.key[each.key].arn
  multi_az                    = each.value.multi_az
  db_name                     = each.value.name
  username                    = "administrator"
  manage_master_user_password = true
  ca_cert_identifier          = "rds-ca-rsa2048-g1"
  db_subnet_group_name        = aws_db_subnet_group.this[each.key].name
  parameter_group_name        = aws_db_parameter_group.this[each.key].name
  vpc_security_group_ids      = [aws_security_group.server[each.key].id]
  publicly_accessible         = false
  backup_retention_period     = each.value.backup_days
  backup_window               = each.value.backup_window
  maintenance_window          = each.value.maintenance_window
  copy_tags_to_snapshot       = true
  deletion_protection         = each.value.deletion_protection
  skip_final_snapshot         = !each.value.deletion_protection
  final_snapshot_identifier   = each.value.deletion_protection ? local.final_snapshot[each.key] : null
  tags                        = var.tags

  master_user_secret_kms_key_id   = module.key[each.key].arn
  enabled_cloudwatch_logs_exports = local.exported_logs

  # The provider and RDS keep the old name of Database Insights in most arguments.
  database_insights_mode                = local.has_insights[each.key] ? each.value.database_insights : null
  performance_insights_enabled          = local.has_insights[each.key]
  performance_insights_kms_key_id       = local.has_insights[each.key] ? module.key[each.key].arn : null
  performance_insights_retention_period = local.has_insights[each.key] ? local.insights_days[each.value.database_insights] : null

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    precondition {
      condition     = local.ca_certificate != null
      error_message = "modules/database/certificates has no file ${local.region}.pem, by which functions would know a server of Amazon RDS in that region. Its README says where to get it."
    }

    precondition {
      condition     = var.network != null
      error_message = "An RDS database is private: give `network` the VPC and the subnets it lives in."
    }

    precondition {
      condition     = try(each.value.backup_copy.region, null) != local.region
      error_message = "backup_copy.region is ${local.region}, where the database is. Choose another region."
    }

    precondition {
      condition     = local.has_insights[each.key] || each.value.database_insights == "standard"
      error_message = "${each.value.instance_class} has no Database Insights. Choose a larger instance_class or database_insights = \"standard\"."
    }
  }
}

# ----------------------------------------------------------------------------------- network

resource "aws_security_group" "server" {
  for_each = local.rds

  name        = "${var.name}-server"
  description = "The database ${var.name}"
  vpc_id      = var.network.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-server" })
}

resource "aws_security_group" "client" {
  # checkov:skip=CKV2_AWS_5:The functions that use the database are attached to it, in other modules
  for_each = local.network

  name        = "${var.name}-client"
  description = "Functions that use the database ${var.name}"
  vpc_id      = each.value.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-client" })
}

resource "aws_vpc_security_group_ingress_rule" "server_from_client" {
  for_each = local.rds

  security_group_id            = aws_security_group.server[each.key].id
  referenced_security_group_id = aws_security_group.client[each.key].id
  description                  = "SQL from the functions"
  ip_protocol                  = "tcp"
  from_port                    = aws_db_instance.this[each.key].port
  to_port                      = aws_db_instance.this[each.key].port
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "client_to_server" {
  for_each = local.network

  security_group_id            = aws_security_group.client[each.key].id
  referenced_security_group_id = one([for server in aws_security_group.server : server.id])
  cidr_ipv4                    = one([for database in values(local.on_premises) : database.cidr])
  description                  = "SQL to the database"
  ip_protocol                  = "tcp"
  from_port                    = local.location.port
  to_port                      = local.location.port
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "client_to_aws" {
  for_each = local.network

  security_group_id            = aws_security_group.client[each.key].id
  referenced_security_group_id = try(each.value.endpoints.security_group_id, null)
  # In a VPC that is not ours we do not know where its way to AWS is.
  cidr_ipv4   = each.value.endpoints == null ? "0.0.0.0/0" : null
  description = "HTTPS to Secrets Manager"
  ip_protocol = "tcp"
  from_port   = 443
  to_port     = 443
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "aws_from_client" {
  for_each = { for key, network in local.network : key => network.endpoints if network.endpoints != null }

  security_group_id            = each.value.security_group_id
  referenced_security_group_id = aws_security_group.client[each.key].id
  description                  = "HTTPS from the functions that use ${var.name}"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = var.tags
}
