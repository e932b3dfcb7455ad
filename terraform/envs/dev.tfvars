environment = "dev"
region      = "us-east-1"
# Your development account.
account_id = "111111111111"

database = {
  mode = "on_premises"
  on_premises = {
    host              = "crm.example.internal"
    name              = "crm"
    admin_secret_name = "crm-database-admin"
    cidr              = "10.0.0.0/16"
  }
}

# Where the functions reach the database from: private subnets of your own VPC.
network = {
  vpc_id     = "vpc-00000000000000001"
  subnet_ids = ["subnet-00000000000000001", "subnet-00000000000000002"]
}

# Three calls for each lead: 10,000 leads a month.
api = {
  rate            = 20
  burst           = 40
  quota_per_month = 30000
}

backend_concurrency = 5
event_archive_days  = 30

logs = {
  retention_days = 14
  level          = "DEBUG"
  execution_data = true
}
