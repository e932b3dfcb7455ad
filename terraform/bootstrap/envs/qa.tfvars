# The repository whose workflows deploy qa, as owner/name. Type 'make bootstrap ENV=qa' after a change.
github_repository = null

# Scheduled checks for drift; the promotion to prd, which reads the release.
github_readers = ["ref:refs/heads/main", "environment:prd"]
