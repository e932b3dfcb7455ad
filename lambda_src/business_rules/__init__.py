"""The functions of the flow business_rules."""
