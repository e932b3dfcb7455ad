"""AWS clients give up before the function that waits for them is ended."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from flowbridge import bus
from flowbridge.clients import ATTEMPTS, client
from lead_form.put_lead import handler
from tests.support.functions import LEAD, LambdaContext, proxy_event

#: In place of the seconds that a test need not wait.
SHORT = 0.1
#: A client of its own for each test, as each has an endpoint of its own.
impatient = partial(client.__wrapped__, read_seconds=SHORT)


@pytest.fixture
def silent(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """An AWS that takes every connection and answers nothing; moto lets calls to it through."""
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


def test_a_call_that_is_never_answered_is_tried_so_often_and_ends(silent: socket.socket) -> None:
    client = impatient("sqs")
    before = time.monotonic()

    with pytest.raises(ReadTimeoutError):
        client.list_queues()

    assert time.monotonic() - before < ATTEMPTS * SHORT + 2
    assert connections(silent) == ATTEMPTS


def test_a_front_door_answers_although_the_bus_does_not(
    silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setattr(bus, "client", impatient)
    request = proxy_event(LEAD | {"origin": "web"}, headers={"content-type": "application/json"})

    response = handler(request, LambdaContext())

    assert (response["statusCode"], response["headers"]["Retry-After"]) == (503, "5")
    assert "Try again later" in json.loads(response["body"])["message"]
    assert connections(silent) == ATTEMPTS
