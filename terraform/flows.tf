# One block for each folder of flows/, and its line in local.flows. 'make new-flow' writes both.

locals {
  # The output of each flow that the environment has, by name.
  flows = {
    for name, flow in merge(
      module.article_publishing,
      module.crm_registration,
      module.user_onboarding,
    ) : name => flow.flow
  }
}

module "article_publishing" {
  source   = "./flows/article_publishing"
  for_each = { for name, settings in var.flows : name => settings if name == "article_publishing" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "crm_registration" {
  source   = "./flows/crm_registration"
  for_each = { for name, settings in var.flows : name => settings if name == "crm_registration" }

  platform = local.platforms[each.key]
  settings = each.value
}

module "user_onboarding" {
  source   = "./flows/user_onboarding"
  for_each = { for name, settings in var.flows : name => settings if name == "user_onboarding" }

  platform = local.platforms[each.key]
  settings = each.value
}
