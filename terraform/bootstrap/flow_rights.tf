# The rights that the environment's flows add to the platform's. Each flow declares its rights in
# terraform/flows/<flow>/deploy_rights.json; README.md describes the file.

locals {
  flows_folder = "${path.module}/../flows"

  rights_files  = { for file in fileset(local.flows_folder, "*/deploy_rights.json") : dirname(file) => "${local.flows_folder}/${file}" }
  missing_files = sort(setsubtract(var.flows, keys(local.rights_files)))

  flow_names = { for flow in var.flows : flow => replace(flow, "_", "-") }

  declared = {
    for flow, name in local.flow_names : flow => jsondecode(templatefile(local.rights_files[flow], {
      partition   = local.partition
      region      = var.region
      account_id  = var.account_id
      place       = local.place
      environment = var.environment
      prefix      = local.name_prefix
      flow        = "${local.name_prefix}-${name}"
      # Names in Glue's catalog have no hyphens.
      database = replace("${local.name_prefix}-${name}", "-", "_")
      # RDS chooses the name of the secret of a database that it runs.
      database_admin_secret = try(var.database.on_premises.admin_secret_name, "rds!db-")
    })) if contains(keys(local.rights_files), flow)
  }
  flow_rights = { for flow, rights in local.declared : flow => merge(local.no_rights, rights) }

  no_rights = { names = [], read = [], change = [], boundary = [], pass_roles_to = [], service_linked_roles = [] }

  # The deploy role reads and changes the same things, so one statement covers both.
  flow_changes = {
    for flow, rights in local.flow_rights : flow => [
      for group in values({
        for s in concat(rights.read, rights.change) :
        jsonencode([sort(flatten([s.Resource])), try(s.Condition, {})]) => s... if can(s.Action) && can(s.Resource)
      }) : merge(group[length(group) - 1], { Action = distinct(flatten(group[*].Action)) })
    ]
  }

  # The beginning of a role's name decides its owner, and so its boundary.
  owners = merge(
    { platform = ["network", "platform"] },
    { for flow, rights in local.flow_rights : flow => distinct(concat([local.flow_names[flow]], rights.names)) },
  )
  boundary_names = { for owner in keys(local.owners) : owner => "${local.name_prefix}-${replace(owner, "_", "-")}-boundary" }
  # Composed of names, because a plan needs the text of policies before the boundaries exist.
  boundary_arns = { for owner, name in local.boundary_names : owner => "arn:${local.partition}:iam::${var.account_id}:policy${local.path}${name}" }
  owner_roles   = { for owner, names in local.owners : owner => [for name in names : "arn:${local.partition}:iam::${var.account_id}:role/${local.name_prefix}-${name}*"] }
}

# --- errors in the files, each as a sentence ---------------------------------------------------

locals {
  flow_statements = flatten([
    for flow, rights in local.flow_rights : [
      for part in ["read", "change", "boundary"] : [
        for index, statement in rights[part] : {
          place     = "${flow}/deploy_rights.json, ${part}, ${try(statement.Sid, "statement ${index + 1}")}"
          keys      = keys(statement)
          sid       = try(tostring(statement.Sid), "")
          actions   = try([for action in flatten([statement.Action]) : tostring(action)], [])
          resources = try([for resource in flatten([statement.Resource]) : tostring(resource)], [])
          reason    = try(tostring(statement.Reason), "")
        }
      ]
    ]
  ])

  # Only the bootstrap grants rights on these.
  reserved_services = ["account", "iam", "organizations"]

  name_owners = flatten([for owner, names in local.owners : [for name in names : { owner = owner, name = name }]])

  faults = concat(
    [for flow in local.missing_files : "terraform/flows/${flow}/deploy_rights.json is missing."],
    flatten([
      for flow, rights in local.declared : [
        for key in setsubtract(keys(rights), keys(local.no_rights)) : "${flow}/deploy_rights.json has the unknown key '${key}'."
      ]
    ]),
    flatten([
      for s in local.flow_statements : [
        for fault, is_there in {
          "has a key other than Sid, Action, Resource, Condition and Reason" = length(setsubtract(s.keys, ["Sid", "Action", "Resource", "Condition", "Reason"])) > 0
          "needs a Sid of letters only"                                      = !can(regex("^[A-Z][A-Za-z]+$", s.sid))
          "needs an Action, such as glue:GetTable, without a wildcard"       = length(s.actions) == 0 || !alltrue([for action in s.actions : can(regex("^[a-z0-9-]+:[A-Za-z0-9]+$", action))])
          "may not have actions of ${join(", ", local.reserved_services)}" = anytrue([
            for action in s.actions : contains(local.reserved_services, split(":", action)[0])
          ])
          "needs a Resource"                      = length(s.resources) == 0
          "needs a Reason for the Resource \"*\"" = contains(s.resources, "*") && s.reason == ""
        } : "${s.place}: ${fault}." if is_there
      ]
    ]),
    # A role's name decides its boundary: two flows may not claim the same one.
    flatten([
      for one in local.name_owners : [
        for other in local.name_owners : "The name '${other.name}' of ${other.owner} begins with '${one.name}', a name of ${one.owner}."
        if one.owner != other.owner && startswith(other.name, one.name)
      ]
    ]),
  )
}
