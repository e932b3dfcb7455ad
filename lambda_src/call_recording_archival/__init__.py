"""The functions of the flow call_recording_archival."""
