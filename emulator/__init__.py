"""The local AWS: MiniStack, and what the platform needs beyond it.

It runs as a program of its own (``python -m emulator.server``) in a Python environment that holds
MiniStack and boto3. Of the project it imports `ops.local.mariadb_server` only. Lambda functions
run in processes that see neither this package nor that environment (see `function_host`).
"""
