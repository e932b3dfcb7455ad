# A copy of the backups in another region, from which the database can be restored there.

locals {
  copies = { for key, database in local.rds : key => database.backup_copy if database.backup_copy != null }
}

# A key belongs to one region.
module "copy_key" {
  source    = "../kms_key"
  for_each  = local.copies
  providers = { aws = aws.backup_region }

  name        = "${var.name}-copy"
  description = "Encrypts the copied backups of ${var.name}"
  policy      = data.aws_iam_policy_document.key["copy"].json
  tags        = var.tags
}

resource "aws_db_instance_automated_backups_replication" "this" {
  provider = aws.backup_region
  for_each = local.copies

  source_db_instance_arn = aws_db_instance.this[each.key].arn
  kms_key_id             = module.copy_key[each.key].arn
  retention_period       = each.value.days
}
