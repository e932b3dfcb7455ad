environment = "qa"
region      = "us-east-1"
# Your quality assurance account.
account_id = "222222222222"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    api                 = { leads_per_second = 20 }
    backend_concurrency = 10
    front_door          = {}
  }

  # The site with the articles, the CMS, and the targets that they are published to.
  article_publishing = {
    site_url   = "https://blog.example.com"
    cms        = { query_url = "https://example.api.sanity.io/v2022-11-16/data/query/production" }
    medium     = { feed_url = "https://medium.com/feed/@example" }
    hashnode   = { host = "blog.example.hashnode.dev" }
    opensearch = { url = "https://search.example.com" }
  }
}

network = {
  own = { cidr = "10.2.0.0/20" }
}

database = {
  mode = "rds"
  rds = {
    name                = "crm"
    instance_class      = "db.t4g.small"
    deletion_protection = false
  }
}

event_archive_days = 30

logs = {
  retention_days = 30
  level          = "INFO"
  execution_data = true
}
