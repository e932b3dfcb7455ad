environment = "dev"
region      = "us-east-1"
# Your development account.
account_id = "111111111111"

# Folders below flows/.
flows = ["crm_registration", "lead_form", "user_onboarding"]

network = {
  own = { cidr = "10.1.0.0/20" }
}

database = {
  mode = "rds"
  rds = {
    name                = "crm"
    backup_days         = 1
    deletion_protection = false
  }
}

# Three calls for each lead: 10,000 leads a month.
api = {
  rate            = 20
  burst           = 40
  quota_per_month = 30000
}

user_onboarding = {
  tenants   = ["acme", "globex"]
  sender    = "Flowbridge <hello@example.com>"
  keep_data = false
}

backend_concurrency  = 5
event_archive_days   = 14
secret_recovery_days = 0

logs = {
  retention_days = 14
  level          = "DEBUG"
  execution_data = true
}
