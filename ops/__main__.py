"""``python -m ops``: the operators' command line."""

from ops.cli.commands import main

main()
