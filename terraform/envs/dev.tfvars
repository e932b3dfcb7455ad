environment = "dev"
region      = "us-east-1"
# Your development account.
account_id = "111111111111"

# The settings of each flow, by the name of its folder in flows/.
flows = {
  crm_registration = {
    api                 = { leads_per_second = 10 }
    backend_concurrency = 5
    front_door          = {}
  }

  incident_notification = {
    number              = { country = "US", type = "SIMULATOR" }
    deletion_protection = false
  }

  user_onboarding = {
    tenants             = ["acme", "globex"]
    sender              = "Flowbridge <hello@example.com>"
    short_events        = { tenant = "acme", address = "{user_id}@example.com" }
    deletion_protection = false
  }

  async_polling = { deletion_protection = false }

  # The cluster on premises, of which these jobs may take a half.
  cluster_job_manager = {
    clusters            = { main = { url = "https://cluster.dev.example.com", cpu = 5000, memory_gb = 2048, share_percent = 50 } }
    deletion_protection = false
  }

  business_rules = {
    engine              = { url = "https://rules.example.com", token_secret = "flowbridge-dev-rules-engine" }
    deletion_protection = false
  }

  # The id of the API is an output of examples/cross_account_workflow/target.
  cross_account_workflow = {
    targets = { audits = { account_id = "444444444444", api_id = "a1b2c3d4e5", stage = "v1" } }
  }

  # The site with the articles, the CMS, and the targets that they are published to.
  article_publishing = {
    site_url   = "https://blog.example.com"
    cms        = { query_url = "https://example.api.sanity.io/v2022-11-16/data/query/production" }
    medium     = { feed_url = "https://medium.com/feed/@example" }
    hashnode   = { host = "blog.example.hashnode.dev" }
    opensearch = { url = "https://search.example.com" }
  }

  # Recordings of Amazon Connect, which another team owns in qa and prd.
  call_recording_archival = {
    bucket_prefix       = "connect/example/CallRecordings/"
    deletion_protection = false
  }

  # Exports that other teams put into the bucket, and your own flows of AppFlow with their buckets.
  appflow_catalog = {
    deletion_protection = false
    transfers = {
      opportunities = {
        format = "PARQUET"
        fields = { id = "string", account = "string", stage = "string", amount = "double", close_date = "date", campaign_id = "string", is_won = "boolean" }
      }
    }
  }

  # Customers of a credit card, for a campaign.
  databrew_chain = {
    delete_columns      = ["Naive_Bayes_1", "Naive_Bayes_2", "Total_Relationship_Count"]
    remove_rows         = { column = "Education_Level", values = ["Unknown", "Uneducated"] }
    deletion_protection = false
  }

  # Subnets from which jobs reach AWS's services.
  hpc_orchestration = {
    network             = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = ["sg-0123456789abcdef0"] }
    deletion_protection = false
  }

  athena_unload = { schedule = "cron(0 3 * * ? *)" }

  crawler_orchestration = { schedule = "cron(0 4 * * ? *)", deletion_protection = false }
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
