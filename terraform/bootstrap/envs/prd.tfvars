# Who deploys prd from GitHub. Name your repository, and run 'make bootstrap ENV=prd' again.
github_repository = null

# Drift, looked for on a schedule.
github_readers = ["ref:refs/heads/main"]
