"""Settings of the running server that all parts of the emulator share."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
ROOT_KEY = "test"
ROOT_SECRET = "test"  # noqa: S105  MiniStack's well-known root secret, good on loopback only


@dataclass(frozen=True)
class Settings:
    """The options of one server.

    Parameters
    ----------
    port
        The loopback port.
    databases
        Folder of the RDS instances' servers; None leaves RDS as MiniStack has it.
    certificates
        Folder with the certificate of those servers.
    quotas
        ``aws``, or with a scale ``aws:0.1``, to keep callers within AWS's quotas; empty for none.
    express_seconds
        How long an Express execution may run; AWS's five minutes, or less in tests.
    at_exit
        Runs its callbacks when the server ends.
    """

    port: int
    databases: Path | None = None
    certificates: Path | None = None
    quotas: str = ""
    express_seconds: float = 300
    at_exit: ExitStack = field(default_factory=ExitStack)

    @property
    def endpoint(self) -> str:
        """The URL of the server."""
        return f"http://{LOOPBACK}:{self.port}"
