"""The functions of the flow appflow_catalog."""
