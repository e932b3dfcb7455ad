"""``make report``: one HTML file of executions and dead letters."""
