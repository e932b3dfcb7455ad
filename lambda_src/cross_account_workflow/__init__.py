"""The functions of the flow cross_account_workflow."""
