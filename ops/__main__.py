"""``python -m ops``: the operators' command line."""

from ops.cli import main

main()
