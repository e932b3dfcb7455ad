# The repository whose workflows deploy dev, as owner/name. Type 'make bootstrap ENV=dev' after a change.
github_repository = null

# Plans of pull requests; scheduled checks for drift; the promotion to qa, which reads the release.
github_readers = ["pull_request", "ref:refs/heads/main", "environment:qa"]
