output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings   = keys(var.settings)
    aws_events = { runs = local.pattern }
    workflows = {
      main = merge(module.workflow.summary, { triggers = { run = module.rule.summary } })
    }
    functions = module.workflow.functions
    buckets   = { customers = module.customers.summary }
    tables    = { runs = module.runs.summary }
    jobs      = { for key, job in local.jobs : key => { name = job.name, reads = job.reads, writes = job.writes } }
    # The output waits for the jobs, so that an apply ends when they exist.
    stack = aws_cloudformation_stack.jobs.name
  }
}
