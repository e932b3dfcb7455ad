# The same platform on this computer, with an AWS emulator and a MariaDB server as its on-premises
# database. 'make env' sets the variable 'emulator', which has their ports.
environment = "local"
region      = "us-east-1"
account_id  = "000000000000"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    api        = { rate = 200, burst = 400, quota_per_month = 1000000 }
    front_door = {}
  }

  user_onboarding = {
    tenants             = ["acme", "globex"]
    sender              = "Flowbridge <hello@example.com>"
    deletion_protection = false
  }
}

database = {
  mode = "on_premises"
  on_premises = {
    host              = "127.0.0.1"
    name              = "crm"
    admin_secret_name = "flowbridge-local-database-admin"
  }
}

# Short waits: when a flow's target is down, its executions fail within seconds.
retry = {
  interval_seconds  = 1
  max_attempts      = 3
  max_delay_seconds = 5
}

event_archive_days   = 7
secret_recovery_days = 0

logs = {
  retention_days = 7
  level          = "INFO"
  execution_data = true
}
