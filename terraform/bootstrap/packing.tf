# Packs the statements of many documents into as few managed policies as possible. IAM accepts 6,144
# characters in each, whitespace not counted, and 10 policies on a role.

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

  # One form for every statement. Statements of one kind, with equal actions and conditions, become one
  # with all their resources.
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
      # In the order of each kind's first statement.
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

  # The longest statements first.
  sorted = {
    for owner, list in local.texts : owner => [for text in sort([for text in list : "${format("%05d", 99999 - length(text))}${text}"]) : substr(text, 5, -1)]
  }
  # The end of each statement in a text of all of them, with a comma after each.
  ends = {
    for owner, list in local.sorted : owner => [
      for count in range(length(list) + 1) : length(join(",", concat(slice(list, 0, count), [""])))
    ]
  }

  # Each policy gets as many of the longest remaining statements as fit, then the shortest that fit in the
  # rest. When n policies are full, the statements from_<n> to to_<n> remain. Each policy has lines of its
  # own, because a loop in Terraform cannot carry a value to its next step.
  to_0 = { for owner, ends in local.ends : owner => length(ends) - 1 }

  from_1 = { for owner, ends in local.ends : owner => max(0, [for i in range(0, local.to_0[owner] + 1) : i if ends[i] - ends[0] <= local.policy_room + 1]...) }
  to_1   = { for owner, ends in local.ends : owner => min(local.to_0[owner], [for i in range(local.from_1[owner], local.to_0[owner] + 1) : i if ends[local.from_1[owner]] - ends[0] + ends[local.to_0[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_2 = { for owner, ends in local.ends : owner => max(local.from_1[owner], [for i in range(local.from_1[owner], local.to_1[owner] + 1) : i if ends[i] - ends[local.from_1[owner]] <= local.policy_room + 1]...) }
  to_2   = { for owner, ends in local.ends : owner => min(local.to_1[owner], [for i in range(local.from_2[owner], local.to_1[owner] + 1) : i if ends[local.from_2[owner]] - ends[local.from_1[owner]] + ends[local.to_1[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_3 = { for owner, ends in local.ends : owner => max(local.from_2[owner], [for i in range(local.from_2[owner], local.to_2[owner] + 1) : i if ends[i] - ends[local.from_2[owner]] <= local.policy_room + 1]...) }
  to_3   = { for owner, ends in local.ends : owner => min(local.to_2[owner], [for i in range(local.from_3[owner], local.to_2[owner] + 1) : i if ends[local.from_3[owner]] - ends[local.from_2[owner]] + ends[local.to_2[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_4 = { for owner, ends in local.ends : owner => max(local.from_3[owner], [for i in range(local.from_3[owner], local.to_3[owner] + 1) : i if ends[i] - ends[local.from_3[owner]] <= local.policy_room + 1]...) }
  to_4   = { for owner, ends in local.ends : owner => min(local.to_3[owner], [for i in range(local.from_4[owner], local.to_3[owner] + 1) : i if ends[local.from_4[owner]] - ends[local.from_3[owner]] + ends[local.to_3[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_5 = { for owner, ends in local.ends : owner => max(local.from_4[owner], [for i in range(local.from_4[owner], local.to_4[owner] + 1) : i if ends[i] - ends[local.from_4[owner]] <= local.policy_room + 1]...) }
  to_5   = { for owner, ends in local.ends : owner => min(local.to_4[owner], [for i in range(local.from_5[owner], local.to_4[owner] + 1) : i if ends[local.from_5[owner]] - ends[local.from_4[owner]] + ends[local.to_4[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_6 = { for owner, ends in local.ends : owner => max(local.from_5[owner], [for i in range(local.from_5[owner], local.to_5[owner] + 1) : i if ends[i] - ends[local.from_5[owner]] <= local.policy_room + 1]...) }
  to_6   = { for owner, ends in local.ends : owner => min(local.to_5[owner], [for i in range(local.from_6[owner], local.to_5[owner] + 1) : i if ends[local.from_6[owner]] - ends[local.from_5[owner]] + ends[local.to_5[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_7 = { for owner, ends in local.ends : owner => max(local.from_6[owner], [for i in range(local.from_6[owner], local.to_6[owner] + 1) : i if ends[i] - ends[local.from_6[owner]] <= local.policy_room + 1]...) }
  to_7   = { for owner, ends in local.ends : owner => min(local.to_6[owner], [for i in range(local.from_7[owner], local.to_6[owner] + 1) : i if ends[local.from_7[owner]] - ends[local.from_6[owner]] + ends[local.to_6[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_8 = { for owner, ends in local.ends : owner => max(local.from_7[owner], [for i in range(local.from_7[owner], local.to_7[owner] + 1) : i if ends[i] - ends[local.from_7[owner]] <= local.policy_room + 1]...) }
  to_8   = { for owner, ends in local.ends : owner => min(local.to_7[owner], [for i in range(local.from_8[owner], local.to_7[owner] + 1) : i if ends[local.from_8[owner]] - ends[local.from_7[owner]] + ends[local.to_7[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_9 = { for owner, ends in local.ends : owner => max(local.from_8[owner], [for i in range(local.from_8[owner], local.to_8[owner] + 1) : i if ends[i] - ends[local.from_8[owner]] <= local.policy_room + 1]...) }
  to_9   = { for owner, ends in local.ends : owner => min(local.to_8[owner], [for i in range(local.from_9[owner], local.to_8[owner] + 1) : i if ends[local.from_9[owner]] - ends[local.from_8[owner]] + ends[local.to_8[owner]] - ends[i] <= local.policy_room + 1]...) }

  from_10 = { for owner, ends in local.ends : owner => max(local.from_9[owner], [for i in range(local.from_9[owner], local.to_9[owner] + 1) : i if ends[i] - ends[local.from_9[owner]] <= local.policy_room + 1]...) }
  to_10   = { for owner, ends in local.ends : owner => min(local.to_9[owner], [for i in range(local.from_10[owner], local.to_9[owner] + 1) : i if ends[local.from_10[owner]] - ends[local.from_9[owner]] + ends[local.to_9[owner]] - ends[i] <= local.policy_room + 1]...) }

  from = { for owner in keys(local.ends) : owner => [0, local.from_1[owner], local.from_2[owner], local.from_3[owner], local.from_4[owner], local.from_5[owner], local.from_6[owner], local.from_7[owner], local.from_8[owner], local.from_9[owner], local.from_10[owner]] }
  to   = { for owner in keys(local.ends) : owner => [local.to_0[owner], local.to_1[owner], local.to_2[owner], local.to_3[owner], local.to_4[owner], local.to_5[owner], local.to_6[owner], local.to_7[owner], local.to_8[owner], local.to_9[owner], local.to_10[owner]] }

  packed = {
    for owner, list in local.sorted : owner => [
      for text in [
        for n in range(local.policies_of_role) : join(",", concat(
          slice(list, local.from[owner][n], local.from[owner][n + 1]),
          slice(list, local.to[owner][n + 1], local.to[owner][n]),
        ))
      ] : "${local.policy_head}${text}${local.policy_tail}" if text != ""
    ]
  }

  # The reasons why statements do not fit, each as a sentence.
  overflows = concat(
    flatten([
      for owner, list in local.texts : [
        for i, text in list : "${local.merged[owner][i].sid} of the ${owner} has ${length(text)} characters; a policy holds ${local.policy_room}. Divide it." if length(text) > local.policy_room
      ]
    ]),
    [
      for role in keys(local.role_statements) : "The ${role} role needs more than ${local.policies_of_role} policies: its statements have ${max(local.ends["${role} role"]...)} characters. Name fewer resources, or share statements between flows."
      if local.from_10["${role} role"] < local.to_10["${role} role"]
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
