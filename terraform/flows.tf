# One block for each folder of flows/, and its line in local.flows. 'make new-flow' writes both.

locals {
  # The output of each flow that the environment has, by name.
  flows = {
    for name, flow in merge(
      module.appflow_catalog,
      module.article_publishing,
      module.async_polling,
      module.athena_unload,
      module.business_rules,
      module.call_recording_archival,
      module.cluster_job_manager,
      module.crawler_orchestration,
      module.crm_registration,
      module.cross_account_workflow,
      module.databrew_chain,
      module.hpc_orchestration,
      module.incident_notification,
      module.user_onboarding,
    ) : name => flow.flow
  }
}

module "appflow_catalog" {
  source   = "./flows/appflow_catalog"
  for_each = { for name, settings in var.flows : name => settings if name == "appflow_catalog" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "article_publishing" {
  source   = "./flows/article_publishing"
  for_each = { for name, settings in var.flows : name => settings if name == "article_publishing" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "async_polling" {
  source   = "./flows/async_polling"
  for_each = { for name, settings in var.flows : name => settings if name == "async_polling" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "athena_unload" {
  source   = "./flows/athena_unload"
  for_each = { for name, settings in var.flows : name => settings if name == "athena_unload" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "business_rules" {
  source   = "./flows/business_rules"
  for_each = { for name, settings in var.flows : name => settings if name == "business_rules" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "call_recording_archival" {
  source   = "./flows/call_recording_archival"
  for_each = { for name, settings in var.flows : name => settings if name == "call_recording_archival" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "cluster_job_manager" {
  source   = "./flows/cluster_job_manager"
  for_each = { for name, settings in var.flows : name => settings if name == "cluster_job_manager" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "crawler_orchestration" {
  source   = "./flows/crawler_orchestration"
  for_each = { for name, settings in var.flows : name => settings if name == "crawler_orchestration" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "crm_registration" {
  source   = "./flows/crm_registration"
  for_each = { for name, settings in var.flows : name => settings if name == "crm_registration" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "cross_account_workflow" {
  source   = "./flows/cross_account_workflow"
  for_each = { for name, settings in var.flows : name => settings if name == "cross_account_workflow" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "databrew_chain" {
  source   = "./flows/databrew_chain"
  for_each = { for name, settings in var.flows : name => settings if name == "databrew_chain" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "hpc_orchestration" {
  source   = "./flows/hpc_orchestration"
  for_each = { for name, settings in var.flows : name => settings if name == "hpc_orchestration" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "incident_notification" {
  source   = "./flows/incident_notification"
  for_each = { for name, settings in var.flows : name => settings if name == "incident_notification" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "user_onboarding" {
  source   = "./flows/user_onboarding"
  for_each = { for name, settings in var.flows : name => settings if name == "user_onboarding" }

  platform = local.platforms[each.key]
  settings = each.value
}
