# The repository whose workflows deploy prd, as owner/name. Type 'make bootstrap ENV=prd' after a change.
github_repository = null

# Scheduled checks for drift.
github_readers = ["ref:refs/heads/main"]
