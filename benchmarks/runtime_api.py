"""A small Lambda Runtime API for AWS's runtime interface client.

It sends events one by one, and measures when the client requests an event and when it responds
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from ops.settings import REPOSITORY

RUNTIME_PYTHON = REPOSITORY / ".venv-runtime" / "bin" / "python"
PREFIX = "/2018-06-01/runtime"
ANSWER = re.compile(rf"{PREFIX}/invocation/(\d+)/(response|error)")
RUN_SECONDS = 120.0
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


class FunctionFailed(Exception):  # noqa: N818
    """A function failed, so its times would be meaningless."""


@dataclass
class Run:
    """The measurements of one process of a function.

    Times are in seconds. `init` is the time from the start of the process to its first request for
    an event. `init_cpu` and `first_cpu` are the processor time until then, and from then until the
    first response.
    """

    init: float = 0.0
    init_cpu: float = 0.0
    first_cpu: float = 0.0
    invocations: list[float] = field(default_factory=list)
    peak_mb: float = 0.0


class RuntimeApi:
    """Serves the Runtime API to one process at a time, on its own port."""

    def __init__(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            # The client reuses its connection.
            protocol_version = "HTTP/1.1"
            # One packet for head and body: a second one would wait for an acknowledgement.
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                api._hand_out(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api._take(self.path, body)
                reply(self, 202, b"")

            def log_message(self, *_: Any) -> None:
                """Log nothing: only the functions may write output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._done = threading.Event()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def run(
        self, handler: str, folder: Path, variables: Mapping[str, str], events: Sequence[Any]
    ) -> Run:
        """Start a function and send it the events one by one.

        Parameters
        ----------
        handler
            Module and function, such as ``order_intake.receive_event.handler``.
        folder
            Folder with the unpacked package.
        variables
            Environment variables of the process.
        events
            Events to send.

        Raises
        ------
        FunctionFailed
            When it cannot be loaded, an invocation raises, or the run takes too long.
        """
        self._result = Run()
        self._events = list(events)
        self._failure = ""
        self._done.clear()
        environment = {
            **variables,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "LAMBDA_TASK_ROOT": str(folder),
            # On AWS a function's folder is read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [str(RUNTIME_PYTHON), "-m", "awslambdaric", handler]
        self._started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._process = psutil.Process(process.pid)
        output: list[bytes] = []
        assert process.stdout is not None  # noqa: S101  because of stdout=PIPE
        reader = threading.Thread(target=lambda s: output.append(s.read()), args=(process.stdout,))
        reader.start()
        try:
            in_time = self._done.wait(RUN_SECONDS)
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()
        if self._failure or not in_time:
            log = b"".join(output).decode(errors="replace")[-2000:]
            raise FunctionFailed(f"{handler}: {self._failure or 'took too long'}\n{log}")
        return self._result

    def _hand_out(self, request: BaseHTTPRequestHandler) -> None:
        now = time.perf_counter()
        number = len(self._result.invocations)
        if number == 0:
            self._result.init = now - self._started
            self._result.init_cpu = self._cpu()
        if number == 1:
            self._result.first_cpu = self._cpu() - self._result.init_cpu
        if number == len(self._events):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
            self._result.peak_mb = int(match[1]) / 1024 if match else 0.0
            self._done.set()
            return  # the process is killed while it waits for an event, as AWS freezes it
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(number),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
            "Content-Type": "application/json",
        }
        body = json.dumps(self._events[number]).encode()
        self._handed_out = time.perf_counter()
        reply(request, 200, body, headers)

    def _take(self, path: str, body: bytes) -> None:
        now = time.perf_counter()
        match = ANSWER.fullmatch(path)
        if match is None or match[2] == "error":
            self._failure = body.decode(errors="replace")
            self._done.set()
        self._result.invocations.append(now - self._handed_out)

    def _cpu(self) -> float:
        """Return the processor time of all threads, more precise than clock ticks."""
        files = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send a response."""
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
