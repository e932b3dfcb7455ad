environment = "qa"
region      = "us-east-1"
# Your quality assurance account.
account_id = "222222222222"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    # Three calls for each lead: 100,000 leads a month.
    api                 = { rate = 50, burst = 100, quota_per_month = 300000 }
    backend_concurrency = 10
    front_door          = {}
  }
}

network = {
  own = { cidr = "10.2.0.0/20" }
}

database = {
  mode = "rds"
  rds = {
    name                = "crm"
    deletion_protection = false
  }
}

event_archive_days = 30

logs = {
  retention_days = 30
  level          = "INFO"
  execution_data = true
}
