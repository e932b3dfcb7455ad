# The mapping of every request and answer. A target gets an event of the same form as those on the bus:
#   { id, source, detail-type, caller, parameters, detail }
# Every value of a request is written as JSON first, and then escaped for the text that holds the event:
# a string of JSON for Step Functions, a form for SQS. Nothing is pasted as it came.

locals {
  # For an operation, the values by name, as expressions whose result is JSON without quotation marks.
  json_text = "$util.escapeJavaScript(%s).replaceAll(\"\\\\'\", \"'\")"

  parameters = {
    for key, operation in local.operations : key => [
      for parameter in try(operation.parameters, []) : parameter.name if contains(["path", "query", "header"], parameter.in)
    ]
  }

  # The literal parts of the event and, between them, the variables with the values.
  events = {
    for key, target in var.targets : key => concat(
      [
        { text = "{\"id\":\"", value = "$id" },
        { text = "\",\"source\":\"${var.name}\",\"detail-type\":\"${key}\",\"caller\":\"", value = "$caller" },
        { text = "\",\"parameters\":{", value = "" },
      ],
      [
        for index, name in local.parameters[key] :
        { text = "${index == 0 ? "" : "\","}\"${name}\":\"", value = "$p${index}" }
      ],
      [
        { text = "${length(local.parameters[key]) == 0 ? "" : "\""}},\"detail\":", value = "$detail" },
        { text = "}", value = "" },
      ],
    )
  }

  # Sets the variables. They are set one after another on one line: a line's end would be sent along.
  variables = {
    for key, target in var.targets : key => join("", concat(
      [
        "#set($id = ${format(local.json_text, "$context.requestId")})",
        "#set($caller = ${format(local.json_text, "\"$!context.identity.userArn$!context.identity.apiKeyId\"")})",
        "#set($detail = $input.json('$'))",
      ],
      [for index, name in local.parameters[key] : "#set($p${index} = ${format(local.json_text, "$input.params('${name}')")})"],
      [for path in target.execution_name[*] : "#set($name = ${format(local.json_text, "$input.path('${path}')")})"],
      # An execution's ARN is composed of it.
      [for arn in target.describe[*] : "#set($name = ${format(local.json_text, "$input.params('name')")})"],
    ))
  }

  # Literals are escaped here, values at run time.
  input = {
    for key, parts in local.events : key => join("", [
      for part in parts : "${replace(part.text, "\"", "\\\"")}${part.value == "" ? "" : format(local.json_text, part.value)}"
    ])
  }
  form = {
    for key, parts in local.events : key => join("", [
      for part in parts : "${urlencode(part.text)}${part.value == "" ? "" : "$util.urlEncode(${part.value})"}"
    ])
  }

  requests = {
    for key, target in var.targets : key => join("", [
      local.variables[key],
      (
        target.queue != null ? "Action=SendMessage&MessageBody=${local.form[key]}" :
        target.describe != null ? "{\"executionArn\":\"${replace(target.describe, ":stateMachine:", ":execution:")}:$name\"}" :
        join("", [
          "{\"stateMachineArn\":\"${coalesce(target.execute, target.start)}\",",
          target.execution_name == null ? "" : "\"name\":\"$name\",",
          "\"input\":\"${local.input[key]}\"}",
        ])
      ),
    ])
  }

  kinds = {
    for key, target in var.targets : key => (
      target.execute != null ? "execute" : target.start != null ? "start" : target.describe != null ? "describe" : "queue"
    )
  }
  addresses = {
    execute  = "states:action/StartSyncExecution"
    start    = "states:action/StartExecution"
    describe = "states:action/DescribeExecution"
  }
  # The status of success, which the document describes.
  success = { execute = "200", start = "202", describe = "200", queue = "202" }

  integrations = {
    for key, target in var.targets : key => merge(
      {
        type        = "aws"
        httpMethod  = "POST"
        uri         = "arn:${local.partition}:apigateway:${local.region}:${target.queue == null ? local.addresses[local.kinds[key]] : "sqs:path/${join("/", slice(split(":", target.queue), 4, 6))}"}"
        credentials = local.role_arn
        # Anything but JSON is refused with 415.
        passthroughBehavior = "never"
        timeoutInMillis     = 29000
        requestTemplates    = { "application/json" = local.requests[key] }
        responses = {
          "200" = {
            statusCode = local.success[local.kinds[key]]
            responseTemplates = {
              "application/json" = trimspace(templatefile("${path.module}/templates/${local.kinds[key]}.vtl", { errors = target.errors }))
            }
          }
          default = {
            statusCode        = "500"
            responseTemplates = { "application/json" = trimspace(file("${path.module}/templates/refused.vtl")) }
          }
        }
      },
      { for queue in target.queue[*] : "requestParameters" => { "integration.request.header.Content-Type" = "'application/x-www-form-urlencoded'" } },
    )
  }
}
