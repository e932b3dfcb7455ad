# The last release had the workflow and its rule in one module.
moved {
  from = module.flow.module.rule
  to   = module.rule
}

moved {
  from = module.flow
  to   = module.workflow
}
