environment = "dev"
region      = "us-east-1"
# Your development account.
account_id = "111111111111"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    # Three calls for each lead: 10,000 leads a month.
    api                 = { rate = 20, burst = 40, quota_per_month = 30000 }
    backend_concurrency = 5
    front_door          = {}
  }

  user_onboarding = {
    tenants             = ["acme", "globex"]
    sender              = "Flowbridge <hello@example.com>"
    deletion_protection = false
  }

  # The site with the articles, and the targets that they are published to.
  article_publishing = {
    site_url   = "https://blog.example.com"
    medium     = { feed_url = "https://medium.com/feed/@example" }
    hashnode   = { host = "blog.example.hashnode.dev" }
    opensearch = { url = "https://search.example.com" }
  }
}

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

event_archive_days   = 14
secret_recovery_days = 0

logs = {
  retention_days = 14
  level          = "DEBUG"
  execution_data = true
}
