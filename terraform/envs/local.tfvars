# The same platform on this computer: an AWS emulator, and a MariaDB server that plays the
# on-premises database. The variable 'emulator' has their ports; 'make env' sets it.
environment = "local"
region      = "us-east-1"
account_id  = "000000000000"

# By their folders in flows/.
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

# Short waits, so that a lead whose CRM is gone shows its end in seconds.
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
