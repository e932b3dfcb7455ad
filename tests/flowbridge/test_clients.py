"""AWS clients give up before the function that waits for them is ended."""

from __future__ import annotations

import socket
import time

import pytest
from botocore.exceptions import ReadTimeoutError

from flowbridge.clients import ATTEMPTS
from tests.support.silent_aws import SHORT, connections, impatient


def test_a_call_that_is_never_answered_is_tried_so_often_and_ends(silent: socket.socket) -> None:
    client = impatient("sqs")
    before = time.monotonic()

    with pytest.raises(ReadTimeoutError):
        client.list_queues()

    assert time.monotonic() - before < ATTEMPTS * SHORT + 2
    assert connections(silent) == ATTEMPTS
