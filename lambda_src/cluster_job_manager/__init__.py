"""The functions of the flow cluster_job_manager."""
