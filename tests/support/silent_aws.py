"""An AWS that accepts every connection and never answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from flowbridge.clients import client

#: In place of the seconds that a test need not wait.
SHORT = 0.1
#: A client of its own for each test, as each has an endpoint of its own.
impatient = partial(client.__wrapped__, read_seconds=SHORT)


@contextmanager
def silent_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Have AWS clients call a socket that never answers; moto lets calls to it through."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


def connections(server: socket.socket) -> int:
    """Return how many connections the server has got, and close them."""
    found = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return found
        found += 1
