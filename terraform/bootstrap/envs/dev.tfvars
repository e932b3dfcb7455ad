# Who deploys dev from GitHub. Name your repository, and run 'make bootstrap ENV=dev' again.
github_repository = null

# Plans of pull requests; drift, looked for on a schedule; the promotion to qa, which reads the release.
github_readers = ["pull_request", "ref:refs/heads/main", "environment:qa"]
