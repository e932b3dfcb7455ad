environment = "prd"
region      = "us-east-1"
# Your production account.
account_id = "333333333333"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    # Three calls for each lead: a million leads a month.
    api                 = { rate = 100, burst = 200, quota_per_month = 3000000 }
    backend_concurrency = 20
    # To give the form its own name, set `domain` with its certificate in us-east-1.
    front_door = { rate = 30, burst = 60 }
  }
}

network = {
  own = { cidr = "10.3.0.0/20" }
}

database = {
  mode = "rds"
  rds = {
    name           = "crm"
    instance_class = "db.m7g.large"
    storage_gb     = 100
    multi_az       = true
    backup_days    = 30
  }
}

event_archive_days   = 365
secret_recovery_days = 30

# Keeps personal data out of the logs.
logs = {
  retention_days = 365
  level          = "INFO"
  execution_data = false
}

canary = {
  percent = 10
  minutes = 5
}

# Mail addresses or https URLs. Each receiver must confirm its subscription once.
alarm_receivers = []
