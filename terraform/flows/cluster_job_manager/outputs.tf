output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { job = module.rule.summary } })
    }
    triggers = { scheduler = module.schedule.summary, stopped = module.stopped.summary }
    functions = merge(module.workflow.functions, {
      ScheduleJobs     = module.scheduler.summary
      StoppedExecution = module.stopped_execution.summary
    })
    tables   = { jobs = module.jobs.summary }
    clusters = { for name, cluster in var.settings.clusters : name => cluster.url }
  }
}
