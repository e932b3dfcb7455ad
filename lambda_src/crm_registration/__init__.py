"""The functions of the flow crm_registration: its workflow's tasks and its form's endpoint."""
