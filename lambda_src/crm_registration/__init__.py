"""The step functions of the CRM registration flow."""
