"""The functions of the flow athena_unload."""
