"""``python -m ops``: the operators' command line, as ``flowbridge`` is."""

from ops.cli.main import main

main()
