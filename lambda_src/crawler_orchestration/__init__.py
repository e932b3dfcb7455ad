"""The functions of the flow crawler_orchestration."""
