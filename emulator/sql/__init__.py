"""Run Athena's SQL on DuckDB, over tables of the Glue catalog whose files lie in S3.

The catalog, the store and the rights of the caller are passed in. `emulator.patches.athena` and
`emulator.patches.glue` join this to MiniStack.
"""
