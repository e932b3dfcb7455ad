"""Run each Lambda function in a fork of one warm Python process.

`emulator.function_host` starts this file as a program, with ``python -I -S``: it sees the standard
library and the folder of libraries that it is given, and so do the functions. It imports boto3 and
parses the models of common services once. A fork of it is ready in a few milliseconds, where a new
interpreter that imports boto3 takes half a second.

The fork server keeps one thread and no locks, so a fork finds everything in order. It ends, with
every function, when the emulator closes the control socket or dies.

A request on the control socket is one byte with three descriptors:

- the *channel*, a socket: first the environment of the function, then a message for each
  invocation and its answer. A message is JSON after its length.
- the *log*, a pipe: what the function writes to standard output and standard error.
- the *status*, a pipe: the process's number in a line, and a second line with its exit code when
  it has ended.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import json
import os
import selectors
import signal
import site
import socket
import struct
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

#: Their models are parsed before the first fork.
SERVICES = (
    "apigateway",
    "dynamodb",
    "events",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
#: Parts of the standard library that most functions import.
MODULES = (
    "base64",
    "concurrent.futures",
    "csv",
    "dataclasses",
    "decimal",
    "gzip",
    "hmac",
    "http.client",
    "importlib.metadata",
    "logging.config",
    "queue",
    "secrets",
    "ssl",
    "tempfile",
    "unicodedata",
    "urllib.request",
    "uuid",
    "zoneinfo",
)
LENGTH = struct.Struct("!I")
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
PARENT_DIED = signal.SIGUSR1
#: How long the server waits for a function that it asked to send something.
MESSAGE_SECONDS = 30.0
FAILED = 1

JsonObject = dict[str, Any]


def main() -> None:
    """Warm up, then fork until the emulator is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    libraries, depth_variable, depth_header = sys.argv[2:5]
    signal.signal(PARENT_DIED, lambda *_: sys.exit())
    die_with_parent(PARENT_DIED)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The emulator decides when its functions end: it closes the control socket.
        signal.signal(number, signal.SIG_IGN)
    sys.path.append(libraries)
    site.setquit()
    sys.dont_write_bytecode = False
    warm_up()
    count_nested_calls(depth_variable, depth_header)
    ForkServer(control, frozenset(top_level_names(libraries))).run()


def warm_up() -> None:
    """Import what most functions import, and parse what their first clients read."""
    for name in MODULES:
        importlib.import_module(name)
    boto3, loaders = (importlib.import_module(name) for name in ("boto3", "botocore.loaders"))
    loader, read = loaders.JSONFileLoader(), loaders.JSONFileLoader.load_file
    paths: dict[str, None] = {}

    def remember(self: Any, path: str) -> Any:
        paths[path] = None
        return read(self, path)

    loaders.JSONFileLoader.load_file = remember
    session = boto3.Session("test", "test", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)
    # Parsed again, because a client may change what it has read.
    parsed = {path: read(loader, path) for path in paths}

    def read_once(self: Any, path: str) -> Any:
        # Each process uses a parsed file once; a second reader gets a copy of its own.
        return parsed.pop(path, None) or read(self, path)

    loaders.JSONFileLoader.load_file = read_once


def count_nested_calls(variable: str, header: str) -> None:
    """Have boto3 send how deep an invocation is nested, by which MiniStack stops endless loops."""
    handlers = importlib.import_module("botocore.handlers")

    def add_depth(params: JsonObject, **_: Any) -> None:
        depth = os.environ.get(variable)
        if depth and header not in params["headers"]:
            params["headers"][header] = depth

    handlers.BUILTIN_HANDLERS.append(("before-call", add_depth))


def top_level_names(folder: str) -> Iterable[str]:
    """Return the names of the modules and packages in a folder."""
    return {name.partition(".")[0] for name in os.listdir(folder) if "-info" not in name}


def die_with_parent(number: int) -> None:
    """Have the kernel send a signal to this process when its parent dies, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, int(number))


class ForkServer:
    """Forks a process for each request.

    Parameters
    ----------
    control
        Where the requests arrive.
    libraries
        The top-level names of the libraries that are imported already.
    """

    def __init__(self, control: socket.socket, libraries: frozenset[str]) -> None:
        self._control = control
        self._libraries = libraries
        #: The status pipe of each process.
        self._running: dict[int, int] = {}

    def run(self) -> None:
        """Serve until the control socket is closed or the emulator has died."""
        ended, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # These two only wake the loop: an exception could end the killing of functions half-way.
        for number in (signal.SIGCHLD, PARENT_DIED):
            signal.signal(number, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            try:
                while True:
                    ready = {key.fd for key, _ in selector.select()}
                    if ended in ready:
                        if PARENT_DIED in os.read(ended, 65536):
                            return
                        self._collect()
                    if self._control.fileno() in ready and not self._fork():
                        return
            finally:
                for pid in self._running:
                    kill_group(pid)

    def _fork(self) -> bool:
        """Serve one request; return whether there was one."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._control, 1, 3)
        except ConnectionError:
            return False
        if not request:
            return False
        channel, log, status = descriptors
        pid = os.fork()
        if pid == 0:
            run_and_exit(channel, log, self._libraries)
        os.close(channel)
        os.close(log)
        self._running[pid] = status
        report(status, pid)
        return True

    def _collect(self) -> None:
        """Report the processes that have ended."""
        while self._running:
            pid, code = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            # The function's child processes end with it.
            kill_group(pid)
            status = self._running.pop(pid)
            report(status, os.waitstatus_to_exitcode(code))
            os.close(status)


def report(status: int, number: int) -> None:
    """Write a line with a number, if there is still a reader."""
    with suppress(OSError):
        os.write(status, b"%d\n" % number)


def kill_group(pid: int) -> None:
    """Kill a function's process and those that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def run_and_exit(channel: int, log: int, libraries: frozenset[str]) -> None:
    """Be the process of one function: take its environment, then its invocations; never return."""
    code = FAILED
    try:
        server = os.getppid()
        die_with_parent(signal.SIGKILL)
        if os.getppid() != server:
            return
        connection = become_a_process_of_its_own(channel, log)
        code = serve(connection, libraries)
    except SystemExit as exit_:
        code = exit_code(exit_)
    except BaseException:
        traceback.print_exc()
    finally:
        flush()
        os._exit(code)


def become_a_process_of_its_own(channel: int, log: int) -> socket.socket:
    """Leave the fork server's descriptors, signals and session; return the channel."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, PARENT_DIED):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Out of the way of the numbers that they get.
    channel, log = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (channel, log))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    kept = os.dup2(channel, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  it lasts as long as the process
    sys.stdout, sys.stderr = (
        open(fd, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        for fd in (1, 2)
    )
    return socket.socket(fileno=kept)


def serve(connection: socket.socket, libraries: frozenset[str]) -> int:
    """Initialise the function, answer its invocations; return the exit code."""
    connection.settimeout(MESSAGE_SECONDS)
    given = receive(connection)
    if given is None:
        return 0
    # It waits for the next invocation without a time limit.
    connection.settimeout(None)
    try:
        handler = initialise(given, libraries)
    except Exception as error:
        flush()
        send(connection, {"raised": describe(error)})
        return FAILED
    send(connection, {"ready": True})
    while (invocation := receive(connection)) is not None:
        for name, value in invocation["variables"].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        answer = invoke(handler, invocation["event"], Context(given, invocation))
        # The log reaches the pipe before the answer reaches the channel.
        flush()
        send(connection, answer)
    return 0


def initialise(given: JsonObject, libraries: frozenset[str]) -> Callable[[Any, Any], Any]:
    """Make the process a Lambda environment; return the function's handler."""
    os.environ.clear()
    os.environ.update(given["variables"])
    time.tzset()
    os.chdir(given["folder"])
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = ["bootstrap"]
    sys.path[:0] = [given["folder"], *given["layers"]]
    if given["replaces_libraries"]:
        # It brings another boto3, or another part of it, which must not mix with what is imported.
        for name in [name for name in sys.modules if name.partition(".")[0] in libraries]:
            del sys.modules[name]
    module_name, _, name = given["handler"].rpartition(".")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except SyntaxError as error:
        raise RuntimeFailure("Runtime.UserCodeSyntaxError", str(error)) from error
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise RuntimeFailure("Runtime.ImportModuleError", message) from error
    if not hasattr(module, name):
        message = f"Handler '{name}' missing on module '{module_name}'"
        raise RuntimeFailure("Runtime.HandlerNotFound", message)
    handler: Callable[[Any, Any], Any] = getattr(module, name)
    return handler


def invoke(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> JsonObject:
    """Return the answer of one invocation."""
    try:
        result = handler(event, context)
    except Exception as error:
        return {"raised": describe(error)}
    try:
        # Here, because only this process can say what is wrong with it.
        return {"result": json.dumps(result)}
    except (TypeError, ValueError) as error:
        named = {"type": "Runtime.MarshalError", "message": f"Unable to marshal response: {error}"}
        return {"raised": {**describe(error), **named}}


class RuntimeFailure(Exception):  # noqa: N818  AWS's names do not end so
    """An error of the runtime, by AWS's name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def describe(error: Exception) -> JsonObject:
    """Return an exception as Lambda describes it, with its traceback."""
    name = error.name if isinstance(error, RuntimeFailure) else type(error).__name__
    return {
        "type": name,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
    }


class Context:
    """The context object of an invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    def __init__(self, given: JsonObject, invocation: JsonObject) -> None:
        variables = given["variables"]
        self.function_name = variables["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = variables["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = int(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.log_group_name = variables["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = variables["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = invocation["arn"]
        self.aws_request_id = invocation["request_id"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + invocation["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def receive(connection: socket.socket) -> JsonObject | None:
    """Return the next message, None when the emulator has closed the channel."""
    head = receive_exactly(connection, LENGTH.size)
    if head is None:
        return None
    body = receive_exactly(connection, *LENGTH.unpack(head))
    return None if body is None else json.loads(body)


def receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    """Return so many bytes, None when the channel is closed."""
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def send(connection: socket.socket, message: JsonObject) -> None:
    """Send a message."""
    body = json.dumps(message).encode()
    connection.sendall(LENGTH.pack(len(body)) + body)


def flush() -> None:
    """Write out what the function has printed, if its log can still be written."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def exit_code(error: SystemExit) -> int:
    """Return the exit code that the interpreter would give."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return FAILED


if __name__ == "__main__":
    main()
