output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { signup = module.rule.summary } })
    }
    functions = merge(module.workflow.functions, module.api.functions)
    apis      = { signup = module.api.summary }
    tables    = { users = module.users.summary }
    buckets   = { spaces = module.spaces.summary }
    # <token>._domainkey.<domain> is a CNAME of <token>.dkim.amazonses.com; it proves the sender's domain.
    mail_records = aws_sesv2_email_identity.sender.dkim_signing_attributes[0].tokens
  }
}
