"""A TCP proxy on loopback whose connections go wrong as a test says.

It sits between a client and a server that know nothing of it. It reads where one request ends and
the next begins, of HTTP and of MariaDB's protocol, so that a fault hits one request and not a
part of it: before the server has it, or after the server did its work and before the client knows.

None of the packages that were looked at does that. mitmproxy answers in a server's place, but
brings forty packages of its own and resets no connection on purpose; toxiproxy is a program in Go
that its Python package only talks to, and knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

LOOPBACK = "127.0.0.1"
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
#: With this, closing a socket resets the connection.
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """A fault, and the requests that it affects.

    Parameters
    ----------
    matching
        Bytes that the request holds; every request does when there are none.
    times
        How many requests it hits; None for all, as long as it lasts.
    status
        The HTTP status that the client gets in the place of the server's answer.
    delivered
        Whether the server gets the request, and does its work.
    seconds
        How long the client waits for the first byte of the answer.
    cut
        After how many bytes of the answer the connection is reset.
    """

    matching: bytes = b""
    times: int | None = None
    status: int | None = None
    delivered: bool = True
    seconds: float = 0
    cut: int | None = None


class FaultProxy:
    """The proxy of one server, on a port of its own, until it is closed.

    Parameters
    ----------
    server
        The port on loopback of the real server.
    """

    def __init__(self, server: int) -> None:
        self._server_port = server
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        #: How many requests had a fault.
        self.hits = 0
        self._connections: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._listen())

    def close(self) -> None:
        """End every connection, and listen no more."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def fault(self, *faults: Fault) -> Iterator[None]:
        """Let requests go wrong; of several faults that match, the first that is not used up."""
        with self._lock:
            self._faults = list(faults)
        try:
            yield
        finally:
            with self._lock:
                self._faults = []

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Reset every connection, and refuse new ones."""
        self._run(self._stop())
        try:
            yield
        finally:
            self._run(self._listen())

    def reset(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._run(self._reset())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._connected, LOOPBACK, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._reset()

    async def _reset(self) -> None:
        for writer in self._writers:
            _reset_at_close(writer)
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        writers = {to_client}
        self._writers |= writers
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                server, to_server = await asyncio.open_connection(LOOPBACK, self._server_port)
                writers.add(to_server)
                self._writers.add(to_server)
                connection = _Connection(self, to_client, to_server)
                pumps = [
                    self._loop.create_task(connection.requests(client)),
                    self._loop.create_task(connection.answers(server)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                self._writers -= writers
                for writer in writers:
                    writer.close()

    def take(self, request: bytes) -> Fault | None:
        """Return the fault that hits a request, and count it."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.times != 0 and fault.matching in request:
                    if fault.times is not None:
                        self._faults[place] = replace(fault, times=fault.times - 1)
                    self.hits += 1
                    return fault
        return None


class _Connection:
    """One connection of a client, and the proxy's own to the server."""

    def __init__(
        self, proxy: FaultProxy, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._to_client = to_client
        self._to_server = to_server
        self._fault: Fault | None = None

    async def requests(self, client: asyncio.StreamReader) -> None:
        """Pass requests on, each with its fault."""
        while request := await _request(client):
            self._fault = fault = self._proxy.take(request)
            if fault is None or fault.delivered:
                self._to_server.write(request)
                await self._to_server.drain()
            else:
                await self._fail(fault)

    async def answers(self, server: asyncio.StreamReader) -> None:
        """Pass on what the server says, as far as the request's fault lets it."""
        while data := await server.read(65536):
            fault = self._fault
            if fault is None:
                self._to_client.write(data)
                await self._to_client.drain()
            elif fault.cut is None and fault.status is None:
                await asyncio.sleep(fault.seconds)
                self._fault = None
                self._to_client.write(data)
            else:
                await self._fail(fault, data)
                return

    async def _fail(self, fault: Fault, data: bytes = b"") -> None:
        await asyncio.sleep(fault.seconds)
        if fault.status is not None:
            self._to_client.write(
                f"HTTP/1.1 {fault.status} Fault\r\nContent-Type: text/plain\r\n"
                "Content-Length: 5\r\nConnection: close\r\n\r\nfault".encode()
            )
            await self._to_client.drain()
        else:
            self._to_client.write(data[: fault.cut])
            await self._to_client.drain()
            # What was written is to arrive before the reset does.
            await asyncio.sleep(0.05)
            _reset_at_close(self._to_client)
        raise ConnectionResetError


async def _request(client: asyncio.StreamReader) -> bytes:
    """Return the next request, whole; nothing when the client is done."""
    start = await client.read(4)
    if not start:
        return b""
    if len(start) < 4:
        start += await client.readexactly(4 - len(start))
    if start[:3].isalpha():
        head = start + await client.readuntil(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        return head + (await client.readexactly(int(length[1])) if length else b"")
    # MariaDB's packets: three bytes of length, one of order.
    return start + await client.readexactly(int.from_bytes(start[:3], "little"))


def _reset_at_close(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
