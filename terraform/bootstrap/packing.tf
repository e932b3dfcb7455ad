# Statements of many documents become as few managed policies as possible. IAM takes 6,144 characters
# for each, whitespace not counted, and attaches 10 of them to a role.

locals {
  policy_characters = 6144
  policies_of_role  = 10

  policy_head = "{\"Version\":\"2012-10-17\",\"Statement\":["
  policy_tail = "]}"
  policy_room = local.policy_characters - length(local.policy_head) - length(local.policy_tail)

  statements = merge(
    { for role, list in local.role_statements : "${role} role" => list },
    { for owner, list in local.boundary_statements : "boundary of ${owner}" => list },
  )

  # One form for every statement. Those of one kind, with equal actions and conditions, become one
  # statement with all their resources.
  comparable = {
    for owner, list in local.statements : owner => [
      for statement in list : {
        sid          = statement.Sid
        effect       = try(statement.Effect, "Allow")
        actions      = sort(distinct(flatten([statement.Action])))
        resource_key = can(statement.NotResource) ? "NotResource" : "Resource"
        resources    = flatten([try(statement.NotResource, statement.Resource)])
        condition    = jsonencode(try(statement.Condition, {}))
      } if can(statement.Sid) && can(statement.Action)
    ]
  }
  of_kind = {
    for owner, list in local.comparable : owner => {
      for s in list : jsonencode([s.effect, s.actions, s.resource_key, s.condition]) => s...
    }
  }
  merged = {
    for owner, list in local.comparable : owner => [
      # In the order in which kinds occur first.
      for kind in distinct([for s in list : jsonencode([s.effect, s.actions, s.resource_key, s.condition])]) : merge(
        local.of_kind[owner][kind][0],
        { resources = sort(distinct(flatten(local.of_kind[owner][kind][*].resources))) },
      )
    ]
  }

  # A policy's Sids must differ: a Sid that occurs again gets a number.
  sids = { for owner, list in local.merged : owner => list[*].sid }
  texts = {
    for owner, list in local.merged : owner => [
      for i, s in list : "{${join(",", compact([
        "\"Sid\":\"${s.sid}${index(local.sids[owner], s.sid) == i ? "" : i}\"",
        "\"Effect\":\"${s.effect}\"",
        "\"Action\":${length(s.actions) == 1 ? jsonencode(s.actions[0]) : jsonencode(s.actions)}",
        "\"${s.resource_key}\":${length(s.resources) == 1 ? jsonencode(s.resources[0]) : jsonencode(s.resources)}",
        s.condition == "{}" ? "" : "\"Condition\":${s.condition}",
      ]))}}"
    ]
  }

  # Where each statement ends when all stand in one row with commas between them.
  ends = {
    for owner, list in local.texts : owner => [
      for count in range(length(list) + 1) : length(join(",", concat(slice(list, 0, count), [""])))
    ]
  }
  # The first statement that no longer fits into a policy that begins with this one. Policies are filled
  # in the order of the statements, which keeps statements in their policy when later ones change.
  next = {
    for owner, ends in local.ends : owner => [
      for first in range(length(ends)) : max(first, [
        for last in range(first, length(ends)) : last if ends[last] - ends[first] - 1 <= local.policy_room
      ]...)
    ]
  }
  # Terraform has no loop that carries a value on, hence a line for each policy.
  after_1  = { for owner, next in local.next : owner => next[0] }
  after_2  = { for owner, next in local.next : owner => next[local.after_1[owner]] }
  after_3  = { for owner, next in local.next : owner => next[local.after_2[owner]] }
  after_4  = { for owner, next in local.next : owner => next[local.after_3[owner]] }
  after_5  = { for owner, next in local.next : owner => next[local.after_4[owner]] }
  after_6  = { for owner, next in local.next : owner => next[local.after_5[owner]] }
  after_7  = { for owner, next in local.next : owner => next[local.after_6[owner]] }
  after_8  = { for owner, next in local.next : owner => next[local.after_7[owner]] }
  after_9  = { for owner, next in local.next : owner => next[local.after_8[owner]] }
  after_10 = { for owner, next in local.next : owner => next[local.after_9[owner]] }

  cuts = {
    for owner in keys(local.texts) : owner => distinct([
      0, local.after_1[owner], local.after_2[owner], local.after_3[owner], local.after_4[owner], local.after_5[owner],
      local.after_6[owner], local.after_7[owner], local.after_8[owner], local.after_9[owner], local.after_10[owner],
    ])
  }
  packed = {
    for owner, cuts in local.cuts : owner => [
      for i in range(length(cuts) - 1) : "${local.policy_head}${join(",", slice(local.texts[owner], cuts[i], cuts[i + 1]))}${local.policy_tail}"
    ]
  }

  # Why statements do not fit, if they do not.
  overflows = concat(
    flatten([
      for owner, list in local.texts : [
        for i, text in list : "${local.merged[owner][i].sid} of the ${owner} has ${length(text)} characters; a policy holds ${local.policy_room}. Divide it." if length(text) > local.policy_room
      ]
    ]),
    [
      for role in keys(local.role_statements) : "The ${role} role needs more than ${local.policies_of_role} policies: its statements have ${max(local.ends["${role} role"]...)} characters. Name fewer resources, or share statements between flows."
      if local.after_10["${role} role"] < length(local.texts["${role} role"])
    ],
    [
      for owner in keys(local.owners) : "The boundary of ${owner} has ${sum([for text in local.packed["boundary of ${owner}"] : length(text)])} characters; a policy holds ${local.policy_characters}. Name fewer resources."
      if length(local.packed["boundary of ${owner}"]) != 1
    ],
  )

  # How full the policies and boundaries are.
  room = {
    for owner, policies in local.packed : owner => [
      for policy in policies : { used = length(policy), free = local.policy_characters - length(policy) }
    ]
  }
}
