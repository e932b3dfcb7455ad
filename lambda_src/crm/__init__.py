"""The CRM: rules of a lead, backend functions of its API, and migrations of its database."""
