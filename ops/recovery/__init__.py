"""Dead letters, stuck executions, redrive and reconciliation."""
