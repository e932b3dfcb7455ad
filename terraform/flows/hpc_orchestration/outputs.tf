output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { run = module.rule.summary } })
    }
    triggers = { dead_jobs = module.dead_job_rule.summary }
    # It fails the tasks of jobs that died.
    children = {
      dead_jobs = {
        name              = module.dead_jobs.name
        state_machine_arn = module.dead_jobs.arn
        alias_arn         = module.dead_jobs.alias_arn
        log_group_name    = module.dead_jobs.log_group_name
        alarm_names       = module.dead_jobs.alarm_names
        cancel_arn        = null
      }
    }
    functions  = module.workflow.functions
    tables     = { batches = module.batches.summary }
    buckets    = { results = module.results.summary }
    job_queues = { jobs = module.batch.summary }
  }
}
