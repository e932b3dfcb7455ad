"""The command line: commands, tables, prompts, times."""
