"""The functions and the jobs of the flow hpc_orchestration."""
