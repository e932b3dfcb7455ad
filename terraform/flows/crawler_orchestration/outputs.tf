output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { request = module.rule.summary, daily = module.daily.summary } })
    }
    triggers = { data_sets = module.data_sets_rule.summary }
    children = merge({ crawl = module.crawl.summary }, {
      for key, machine in { run_crawler = module.run_crawler, create_dataset = module.create_dataset } : key => {
        name                            = machine.name
        state_machine_arn               = machine.arn
        alias_arn                       = machine.alias_arn
        log_group_name                  = machine.log_group_name
        alarm_names                     = machine.alarm_names
        cancel_arn                      = null
      }
    })
    functions = merge(module.workflow.functions, { WriteDataSet = module.write_data_set.summary })
    buckets   = { data = module.data.summary, results = module.results.summary }
    athena    = { workgroup = aws_athena_workgroup.this.name, database = aws_glue_catalog_database.this.name }
    crawlers  = { for key, crawler in aws_glue_crawler.this : key => crawler.name }
  }
}
