environment = "prd"
region      = "us-east-1"
# Your production account.
account_id = "333333333333"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    api                 = { leads_per_second = 100 }
    backend_concurrency = 20
    # To give the form its own name, set `domain` with its certificate in us-east-1.
    # One address may make a request a second on average, of pages and leads.
    front_door = { rate = 30, burst = 60, firewall = { requests = 300 } }
  }

  # The site with the articles, the CMS, and the targets that they are published to.
  article_publishing = {
    site_url   = "https://blog.example.com"
    cms        = { query_url = "https://example.api.sanity.io/v2022-11-16/data/query/production" }
    medium     = { feed_url = "https://medium.com/feed/@example" }
    hashnode   = { host = "blog.example.hashnode.dev" }
    opensearch = { url = "https://search.example.com" }
    # One address may send five revisions a minute on average.
    firewall = { requests = 25 }
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
    # A change takes effect during its apply, which can restart the database. With false, it waits for
    # the maintenance window, and 'make drift' reports it until then.
    apply_immediately = true
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
