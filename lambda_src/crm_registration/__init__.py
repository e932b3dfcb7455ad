"""The functions of the CRM registration: tasks of its workflow, and the endpoint of its form."""
