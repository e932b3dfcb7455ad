# The same platform on this computer, with an AWS emulator and a MariaDB server as its on-premises
# database. 'make env' sets the variable 'emulator', which has their ports.
environment = "local"
region      = "us-east-1"
account_id  = "000000000000"

# The settings of each flow, by the name of its folder in flows/. 'make demo' makes and shows the
# first one, 'make demo FLOW=<flow>' another.
flows = {
  crm_registration = {
    api        = { leads_per_second = 100 }
    front_door = {}
    # The last one is that of the published example.
    event_pattern = {
      sources      = ["kranio.event.crm"]
      detail_types = ["CRM Registration", "CRM Registration ", "string"]
    }
  }

  incident_notification = {
    number              = { country = "US", type = "SIMULATOR" }
    wait_seconds        = 5
    words               = { yes = ["yes", "y", "ok", "ja", "sí", "oui"], no = ["no", "n", "nein", "non"] }
    start_retries       = 2
    deletion_protection = false
  }

  user_onboarding = {
    tenants             = ["acme", "globex"]
    sender              = "Flowbridge <hello@example.com>"
    short_events        = { tenant = "acme", address = "{user_id}@example.com" }
    deletion_protection = false
  }

  # The emulator plays the CMS and the targets.
  article_publishing = {
    site_url   = "https://blog.example.com"
    cms        = { query_url = "{emulator}/_blogs/cms" }
    medium     = { url = "{emulator}/_blogs/medium", feed_url = "{emulator}/_blogs/feed" }
    devto      = { url = "{emulator}/_blogs/devto" }
    hashnode   = { url = "{emulator}/_blogs/hashnode", host = "blog.example.hashnode.dev" }
    opensearch = { url = "{emulator}/_blogs/opensearch" }
  }

  # Calls answer within seconds here.
  async_polling = {
    limits              = { wait_seconds = 1, max_wait_seconds = 5, deadline_seconds = 600 }
    parallel_calls      = 10
    deletion_protection = false
  }

  # Short waits, and a converter that this computer can run.
  call_recording_archival = {
    bucket_prefix       = ""
    poll_seconds        = 1
    convert             = { timeout_seconds = 15, maximum_concurrency = 4 }
    deletion_protection = false
  }

  cluster_job_manager = {
    clusters            = { main = { url = "/_cluster/main", cpu = 40, memory_gb = 160 } }
    scheduler           = { rate = "rate(1 minute)", round_seconds = 1, work_seconds = 50, backfill_seconds = 5 }
    poll                = { min_seconds = 1, max_seconds = 5 }
    longest_wait_days   = 1
    longest_days        = 2
    deletion_protection = false
  }

  # Transfers of exports as of a CRM, a marketing tool and a service desk.
  appflow_catalog = {
    deletion_protection = false
    transfers = {
      opportunities = {
        format = "PARQUET"
        fields = { id = "string", account = "string", stage = "string", amount = "double", close_date = "date", campaign_id = "string", is_won = "boolean" }
      }
      campaigns = {
        source_format = "JSON"
        format        = "CSV"
        single_file   = true
        fields        = { id = "string", name = "string", channel = "string", budget = "double", members = "long" }
      }
      tickets = {
        format  = "JSON"
        folders = "DAY"
        fields  = { id = "string", account = "string", priority = "string", created_at = "timestamp", reply_minutes = "integer", satisfaction = "short" }
      }
    }
  }

  # Customers of a credit card, for a campaign.
  databrew_chain = {
    delete_columns      = ["Naive_Bayes_1", "Naive_Bayes_2", "Total_Relationship_Count"]
    remove_rows         = { column = "Education_Level", values = ["Unknown", "Uneducated"] }
    busy_seconds        = 1
    deletion_protection = false
  }

  business_rules = {
    engine              = {}
    deletion_protection = false
  }

  # The other account is on the same emulator.
  cross_account_workflow = {
    targets      = { audits = { account_id = "222222222222", api_id = "acc0000b", stage = "v1" } }
    poll_seconds = 1
  }
  # The emulator runs jobs on this computer, without a network of their own.
  hpc_orchestration = {
    network             = { subnet_ids = ["subnet-00000001"], security_group_ids = ["sg-00000001"] }
    max_concurrency     = 4
    deletion_protection = false
  }

  athena_unload = {
    schedule            = "cron(0 3 * * ? *)"
    keep_hours          = 1
    poll_seconds        = 1
    deletion_protection = false
  }

  # Pages of two, so that a request lists more than one.
  crawler_orchestration = {
    schedule            = "cron(0 4 * * ? *)"
    page_size           = 2
    poll_seconds        = 1
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
secret_recovery_days = 7

logs = {
  retention_days = 7
  level          = "INFO"
  execution_data = true
}
