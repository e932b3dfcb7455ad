output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, {
        triggers = merge({ request = module.rule.summary, daily = module.daily.summary }, module.crawl.triggers)
      })
    }
    functions = module.workflow.functions
    children  = { crawl = module.crawl.summary }
    buckets   = { lake = module.lake.summary, output = module.output.summary }
    queues    = { consumer = module.consumer.summary }
    topics    = { notices = module.notices.summary }
    athena    = { workgroup = aws_athena_workgroup.this.name, database = local.database, statement = aws_athena_prepared_statement.features.name }
    crawlers  = { for key, crawler in aws_glue_crawler.this : key => crawler.name }
  }
}
