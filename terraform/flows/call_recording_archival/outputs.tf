output "flow" {
  description = "The flow, as commands, dashboards, reports and tests read it."
  value = {
    settings = keys(var.settings)
    workflows = {
      main = merge(module.workflow.summary, { triggers = { daily = module.schedule.summary, by_hand = module.rule.summary } })
    }
    functions = merge(module.workflow.functions, module.convert.functions)
    consumers = { convert = module.convert.summary }
    tables    = { state = module.state.summary }
    buckets   = { for key, bucket in module.recordings : "recordings" => bucket.summary }
    # The bucket of the recordings, which another team may own.
    recordings = { bucket = local.bucket, prefix = var.settings.bucket_prefix, storage_class = var.settings.s3_storage_tier }
  }
}
