"""``python -m ops``: the operators' command line, as ``flowbridge`` is."""

import signal

# The imports take half a second, in which Ctrl-C would print a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from ops.cli.main import main

main()
