# Who deploys qa from GitHub. Name your repository, and run 'make bootstrap ENV=qa' again.
github_repository = null

# Drift, looked for on a schedule; the promotion to prd, which reads the release.
github_readers = ["ref:refs/heads/main", "environment:prd"]
