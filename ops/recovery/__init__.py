"""What could not go on: dead letters, stuck executions, redrive, reconciliation."""
