"""The command line ``flowbridge``: its commands, and the one place where errors end."""

from __future__ import annotations

import errno
import os
import signal
import sys

import typer

from ops import settings
from ops.aws.clients import AWS_ERRORS, as_operation_error
from ops.cli import environment, executions, pipeline, project, recovery, releases, terminal
from ops.errors import OperationError

#: The folder of the local environment is another user's, a file, read-only, or on a full disk.
NOT_WRITABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
)

app = typer.Typer(
    name="flowbridge",
    help="Operate Flowbridge: the local environment, releases, events and executions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (environment, executions, recovery, releases, pipeline, project):
    app.add_typer(part.app)


def main() -> None:
    """Run the command line. A problem is printed as two sentences, never as a traceback."""
    # SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.go_around_proxies(os.environ)
    try:
        app()
    except (OperationError, *AWS_ERRORS) as error:
        terminal.problem(as_operation_error(error))
        sys.exit(1)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        terminal.problem(
            OperationError(
                f"{error.filename or 'A file'} cannot be written: {error.strerror}.",
                "Make it writable for this user, or set FLOWBRIDGE_FOLDER to another folder.",
            )
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
