"""The functions of the flow incident_notification."""
