"""Run Python functions in forks of a warm interpreter (`emulator.fork_server`), as Lambda would.

An execution environment is one process. It serves one invocation at a time and lives until it ends
by itself, runs out of time or is idle for long. An exception of the handler does not end it.

A function has a limited number of environments at a time, by the number of processors. Invocations
above it wait for one, because more processes would only slow each other down. An invocation that is
nested in another one never waits, since its caller may hold what it would wait for. The limits of
AWS (reserved and account concurrency) are checked by MiniStack before.
"""

from __future__ import annotations

import filecmp
import hashlib
import importlib.metadata
import io
import json
import logging
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

PROGRAM = Path(__file__).with_name("fork_server.py")
#: The library that Lambda's Python runtime includes.
RUNTIME_LIBRARY = "boto3"
REQUIREMENT = re.compile(r"^[A-Za-z0-9._-]+")
PER_PROCESSOR = 4
#: Lambda's limit of the initialisation.
INIT_SECONDS = 10.0
#: An invocation that waited so long is refused as throttled.
QUEUE_SECONDS = 60.0
#: How long the kernel may take for what it does at once on an idle computer.
PROCESS_SECONDS = 20.0
STOP_SECONDS = 5.0
LENGTH = struct.Struct("!I")
CHUNK = 1 << 16

JsonObject = dict[str, Any]

log = logging.getLogger("emulator")


class FunctionDied(Exception):  # noqa: N818  it is an event, not an error of ours
    """The process of a function ended before it answered.

    Parameters
    ----------
    code
        Its exit code; negative for the signal that ended it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(describe_exit(code))


class OutOfTime(Exception):  # noqa: N818  it is an event, not an error of ours
    """A function did not answer in time."""


def describe_exit(code: int) -> str:
    """Return an exit code in Lambda's words."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    return f"Runtime exited with error: signal: {(signal.strsignal(-code) or '').lower()}"


class ForkServer:
    """The warm interpreter.

    Parameters
    ----------
    folder
        Gets the folder of libraries that functions see.
    depth
        Names of the environment variable and of the header in which MiniStack counts how deep
        invocations are nested.
    """

    def __init__(self, folder: Path, depth: tuple[str, str]) -> None:
        self.libraries = libraries = folder / "libraries"
        link_libraries(libraries)
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            # -I and -S: nothing of the emulator's environment is on the path.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-X", "utf8", str(PROGRAM)),
                    *(str(theirs.fileno()), str(libraries), *depth),
                ],
                cwd=folder,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def spawn(self) -> Process:
        """Return a new process, which waits for its environment.

        Raises
        ------
        FunctionDied
            When the fork server has ended.
        """
        channel, its_channel = socket.socketpair()
        log_end, its_log = os.pipe()
        status, its_status = os.pipe()
        try:
            with self._lock:
                self._control.settimeout(PROCESS_SECONDS)
                socket.send_fds(self._control, [b"f"], [its_channel.fileno(), its_log, its_status])
        except OSError as error:
            log.error("The fork server of the Lambda functions does not answer: %s", error)
            raise FunctionDied(-signal.SIGKILL) from error
        finally:
            its_channel.close()
            os.close(its_log)
            os.close(its_status)
        return Process(channel, io.FileIO(log_end), io.FileIO(status))

    def close(self) -> None:
        """End the fork server and every function."""
        self._control.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def link_libraries(folder: Path) -> None:
    """Make a folder with boto3 and what it requires, and nothing else of this environment."""
    folder.mkdir(parents=True)
    wanted, found = [RUNTIME_LIBRARY], set[str]()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        library = importlib.metadata.distribution(name)
        required = [text for text in library.requires or () if "extra ==" not in text]
        wanted += [match[0] for match in map(REQUIREMENT.match, required) if match]
        for part in {file.parts[0] for file in library.files or ()} - {"..", "__pycache__"}:
            (folder / part).symlink_to(str(library.locate_file(part)))


class Process:
    """The process of one function, with what `subprocess.Popen` has that MiniStack uses.

    Its descriptors are closed with the last reference: an invocation and the end of a function may
    use it at the same time.

    Parameters
    ----------
    channel, log_pipe, status
        The emulator's ends, see `emulator.fork_server`.
    """

    def __init__(self, channel: socket.socket, log_pipe: io.FileIO, status: io.FileIO) -> None:
        self._channel, self._log, self._status = channel, log_pipe, status
        for descriptor in (channel, log_pipe, status):
            os.set_blocking(descriptor.fileno(), False)
        self._received = bytearray()
        self._logged = bytearray()
        self._reported = bytearray()
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Its number, once it was forked."""
        return self._numbers()[0]

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._numbers()[1]

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            When it still runs after so many seconds.
        """
        deadline = time.monotonic() + (PROCESS_SECONDS if timeout is None else timeout)
        while (code := self.poll()) is None:
            if not self._wait_for([self._status.fileno()], deadline):
                raise subprocess.TimeoutExpired("function", timeout or PROCESS_SECONDS)
        return code

    def kill(self) -> None:
        """Kill it, and what it has started."""
        deadline = time.monotonic() + PROCESS_SECONDS
        while (pid := self.pid) is None and self.poll() is None:
            if not self._wait_for([self._status.fileno()], deadline):
                return
        if pid is not None and self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    # A function that has no extensions gets no SIGTERM on Lambda either.
    terminate = kill

    def send(self, message: JsonObject, deadline: float) -> None:
        """Send a message.

        Raises
        ------
        FunctionDied, OutOfTime
            When it was not read.
        """
        body = json.dumps(message).encode()
        left = memoryview(LENGTH.pack(len(body)) + body)
        while left:
            try:
                left = left[self._channel.send(left) :]
            except BlockingIOError:
                self._wait_or_raise(select.POLLOUT, deadline)
            except OSError:
                raise FunctionDied(self.wait()) from None

    def receive(self, deadline: float) -> JsonObject:
        """Return the next message.

        Raises
        ------
        FunctionDied, OutOfTime
            When there is none.
        """
        while (message := self._message()) is None:
            try:
                part = self._channel.recv(CHUNK)
            except BlockingIOError:
                self._wait_or_raise(select.POLLIN, deadline)
                continue
            except OSError:
                part = b""
            if not part:
                raise FunctionDied(self.wait())
            self._received += part
        return message

    def take_log(self) -> str:
        """Return what it has logged since the last call, without the last line break."""
        self._read_log()
        text = self._logged.decode("utf-8", "replace")
        self._logged.clear()
        return text.rstrip("\n")

    def _message(self) -> JsonObject | None:
        if len(self._received) < LENGTH.size:
            return None
        end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        message: JsonObject = json.loads(self._received[LENGTH.size : end])
        del self._received[:end]
        return message

    def _wait_or_raise(self, event: int, deadline: float) -> None:
        """Wait until the channel is ready, and read the log meanwhile."""
        channel = self._channel.fileno()
        poll = select.poll()
        poll.register(channel, event)
        poll.register(self._status.fileno(), select.POLLIN)
        poll.register(self._log.fileno(), select.POLLIN)
        while True:
            left = max(0.0, deadline - time.monotonic())
            ready = {fd for fd, _ in poll.poll(left * 1000)}
            if not ready:
                raise OutOfTime
            if channel in ready:
                return
            if self._log.fileno() in ready and not self._read_log():
                # It closed its output; the channel still reports its end.
                poll.unregister(self._log.fileno())
            if self._status.fileno() in ready and (code := self.poll()) is not None:
                # An answer may have come before its end.
                if self._answers(channel):
                    return
                raise FunctionDied(code)

    def _answers(self, channel: int) -> bool:
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _wait_for(self, descriptors: list[int], deadline: float) -> bool:
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

    def _read_log(self) -> bool:
        """Read what the log pipe holds; return whether it is still open."""
        while (part := self._log.read(CHUNK)) is not None:
            if not part:
                return False
            self._logged += part
        return True

    def _numbers(self) -> tuple[int | None, int | None]:
        """Return its number and its exit code, as far as they are known."""
        with self._lock:
            while part := self._status.read(CHUNK):
                self._reported += part
            lines = bytes(self._reported).split(b"\n")
            gone = part == b"" and len(lines) < 3
        pid, code = (int(line) if line else None for line in [*lines, b""][:2])
        # Without the fork server nothing runs any more.
        return pid, -signal.SIGKILL if gone and code is None else code


@dataclass
class ExecutionEnvironment:
    """One process of a function, at most; a new one when the last has ended.

    MiniStack keeps it in its pool and uses the fields and methods that it has in common with
    ``ministack.core.lambda_runtime.Worker``.
    """

    host: FunctionHost
    func_name: str
    config: JsonObject
    code_zip: bytes

    def __post_init__(self) -> None:
        self.in_use = False
        self.last_used = time.time()
        self._proc: Process | None = None
        self._cold = True
        self._lock = threading.Lock()

    def invoke(
        self, event: Any, request_id: str, variables: Mapping[str, str | None] | None = None
    ) -> JsonObject:
        """Run one invocation.

        Parameters
        ----------
        event
            The payload.
        request_id
            The number of the invocation.
        variables
            Environment variables of this invocation alone; None removes one.
        """
        seconds = float(self.config.get("Timeout", 3))
        with self._lock:
            cold = self._proc is None or self._proc.poll() is not None
            try:
                if cold:
                    self._spawn()
                process = self._proc
                if process is None:  # ended with its function meanwhile
                    raise FunctionDied(-signal.SIGKILL)
                process.take_log()
                answer = self._answer(process, event, request_id, variables or {}, seconds)
            except _InitError as error:
                return {"status": "error", "cold_start": cold, **error.result}
            return {"cold_start": cold, **answer}

    def _answer(
        self,
        process: Process,
        event: Any,
        request_id: str,
        variables: Mapping[str, str | None],
        seconds: float,
    ) -> JsonObject:
        message = {
            "event": event,
            "request_id": request_id,
            "arn": self.config.get("FunctionArn", ""),
            "seconds": seconds,
            "variables": variables,
        }
        deadline = time.monotonic() + seconds
        try:
            process.send(message, deadline)
            answer = process.receive(deadline)
        except OutOfTime:
            self._end(process)
            text = f"Task timed out after {seconds:.2f} seconds"
            return failure("Sandbox.Timedout", text, process.take_log())
        except FunctionDied as died:
            self._proc = None
            text = f"RequestId: {request_id} Error: {died}"
            return failure("Runtime.ExitError", text, process.take_log())
        logged = process.take_log()
        if "raised" in answer:
            return raised(answer["raised"], logged)
        return {"status": "ok", "result": json.loads(answer["result"]), "log": logged}

    def _spawn(self) -> None:
        """Start the process and initialise the function.

        Raises
        ------
        _InitError
            When the function cannot be initialised. Its process has ended.
        """
        try:
            process = self._proc = self.host.server.spawn()
        except FunctionDied as died:
            raise _InitError(failure("Runtime.ExitError", str(died), "")) from None
        # Lambda starts an initialisation that took too long again, with the time of an invocation.
        deadline = time.monotonic() + INIT_SECONDS + float(self.config.get("Timeout", 3))
        try:
            process.send(self.host.environment(self.config, self.code_zip), deadline)
            answer = process.receive(deadline)
        except OutOfTime:
            self._end(process)
            result = failure("Sandbox.Timedout", "Init timed out", process.take_log())
            raise _InitError(result) from None
        except FunctionDied as died:
            self._proc = None
            result = failure("Runtime.ExitError", str(died), process.take_log())
            raise _InitError(result) from None
        if "raised" in answer:
            self._end(process)
            raise _InitError(raised(answer["raised"], process.take_log()))

    def _end(self, process: Process) -> None:
        self._proc = None
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait()

    def _discard_tmpdir(self) -> None:
        """Do nothing: its code belongs to the function."""

    def kill(self) -> None:
        """End its process."""
        if (process := self._proc) is not None:
            self._end(process)


class _InitError(Exception):
    """A function that could not be initialised, with the result of its invocation."""

    def __init__(self, result: JsonObject) -> None:
        super().__init__(result["error"])
        self.result = result


def failure(kind: str, message: str, logged: str) -> JsonObject:
    """Return the result of an invocation that ended without an answer."""
    return {"status": "error", "error_type": kind, "error": message, "log": logged}


def raised(error: Mapping[str, str], logged: str) -> JsonObject:
    """Return the result of an invocation whose handler raised an exception."""
    result = failure(error["type"], error["message"], logged)
    return {**result, "trace": error["traceback"]}


class FunctionHost:
    """Starts and calls the Python functions of the emulator.

    Parameters
    ----------
    folder
        Gets the unpacked functions and the libraries that they see.
    runtime, service
        MiniStack's ``core.lambda_runtime`` and ``services.lambda_svc``.
    """

    def __init__(self, folder: Path, runtime: Any, service: Any) -> None:
        self._folder = folder
        self._runtime = runtime
        self._service = service
        self._depth_variable = runtime.INVOKE_DEPTH_ENV
        self._lock = threading.Lock()
        self._places: dict[str, threading.Semaphore] = {}
        self._unpacking = threading.Lock()
        self._replacing: dict[Path, bool] = {}
        self.per_function = PER_PROCESSOR * (os.cpu_count() or 1)
        self.server = ForkServer(folder, (self._depth_variable, runtime.INVOKE_DEPTH_HEADER))

    def new(self, func_name: str, config: JsonObject, code_zip: bytes) -> ExecutionEnvironment:
        """Return a new execution environment; its process starts with its first invocation."""
        return ExecutionEnvironment(self, func_name, config, code_zip)

    def execute(self, function: JsonObject, event: Any, request_id: str) -> JsonObject:
        """Invoke a function; return the result as MiniStack's executors do."""
        config = function.get("config") or function
        name, version = config["FunctionName"], config.get("Version", "$LATEST")
        depth = self._service._invoke_depth.get()
        trace = self._service._xray_trace_id_for_invocation(config)
        durable = dict.fromkeys(self._runtime.DURABLE_ENV_VARS)
        variables: dict[str, str | None] = {
            "_X_AMZN_TRACE_ID": trace,
            self._depth_variable: None if depth is None else str(depth),
            **durable,
            **self._service._durable_env_overlay(),
        }
        self._service._ensure_reaper_thread()
        key = self._runtime._worker_key(name, config, version)
        with self._place(key, is_nested=bool(depth)) as is_free:
            if not is_free:
                refusal: JsonObject = self._service._throttle_response(
                    reason_code="ConcurrentInvocationLimitExceeded",
                    msg=f"Rate Exceeded: {name} had no free environment for {QUEUE_SECONDS:.0f} s",
                )
                return refusal
            environment, _ = self._runtime.acquire_worker(
                name, config, function["code_zip"], qualifier=version
            )
            try:
                result = environment.invoke(event, request_id, variables)
            finally:
                self._runtime.release_worker(environment)
        if result["status"] == "ok":
            return {"body": result["result"], "log": result["log"]}
        end = result.get("trace", result["error"])
        return {
            "body": {"errorMessage": result["error"], "errorType": result["error_type"]},
            "error": True,
            "trace": result.get("trace"),
            "output": result["log"],
            "log": "\n".join(filter(None, [result["log"], end])),
        }

    @contextmanager
    def _place(self, key: str, is_nested: bool) -> Iterator[bool]:
        """Wait until another environment of a function may run; yield whether it may."""
        if is_nested:
            yield True
            return
        with self._lock:
            place = self._places.setdefault(key, threading.Semaphore(self.per_function))
        is_free = place.acquire(timeout=QUEUE_SECONDS)
        try:
            yield is_free
        finally:
            if is_free:
                place.release()

    def environment(self, config: JsonObject, code_zip: bytes) -> JsonObject:
        """Return what a process needs to become the environment of a function."""
        name = config["FunctionName"]
        folder = self._unpacked(name, code_zip)
        layers = [
            self._unpacked(f"{name}-layer", content)
            for layer in config.get("Layers", ())
            if (content := self._service._resolve_layer_zip(layer))
        ]
        places = [place for layer in layers for place in python_folders(layer)]
        return {
            "folder": str(folder),
            "layers": [str(place) for place in places],
            "replaces_libraries": any(map(self._replaces_libraries, (folder, *places))),
            "handler": config["Handler"],
            "variables": self._variables(config, folder),
        }

    def _replaces_libraries(self, folder: Path) -> bool:
        """Return whether a folder has other versions of the runtime's libraries."""
        if folder not in self._replacing:
            self._replacing[folder] = replaces_libraries(folder, self.server.libraries)
        return self._replacing[folder]

    def _variables(self, config: JsonObject, folder: Path) -> dict[str, str]:
        name = config["FunctionName"]
        _, region = self._runtime._account_region_from_function_config(config)
        own = config.get("Environment", {}).get("Variables", {})
        reserved = self._runtime._RESERVED_RUNTIME_ENV_VARS
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        return {
            **{k: v for k, v in os.environ.items() if is_for_functions(k)},
            # boto3 must not prepend a host name to the emulator's address.
            self._runtime.HOST_PREFIX_ENV: "true",
            **{k: v for k, v in own.items() if k not in reserved},
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            **self._runtime.execution_credentials(config),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'python3')}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": str(uuid4()),
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": config["Handler"],
            "_LAMBDA_FUNCTION_ARN": config.get("FunctionArn", ""),
            "_LAMBDA_TIMEOUT": str(config.get("Timeout", 3)),
        }

    def _unpacked(self, name: str, code_zip: bytes) -> Path:
        """Return the folder of a package, shared by all processes of a function."""
        digest = hashlib.sha256(code_zip).hexdigest()[:16]
        folder = self._folder / "functions" / name / digest
        with self._unpacking:
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                # Whatever cuts this off leaves no half-unpacked package under the name.
                part = Path(tempfile.mkdtemp(dir=folder.parent))
                with zipfile.ZipFile(io.BytesIO(code_zip)) as archive:
                    archive.extractall(part)
                part.rename(folder)
        return folder


def replaces_libraries(folder: Path, libraries: Path) -> bool:
    """Return whether a folder has a module of the libraries with other contents.

    Packages often have a part of them, such as urllib3 for requests, in the very same version.
    """
    for library in libraries.iterdir():
        for file in [folder / library.name, *(folder / library.name).rglob("*.py")]:
            other = libraries / file.relative_to(folder)
            if file.is_file() and not (other.is_file() and filecmp.cmp(file, other, shallow=False)):
                return True
    return False


def is_for_functions(variable: str) -> bool:
    """Return whether functions inherit an environment variable of the emulator."""
    of_the_emulator = ("MINISTACK_", "LAMBDA_", "PYTHON", "VIRTUAL_ENV", "SUPERVISOR_")
    names = ("AUTH", "BIND_HOST", "GATEWAY_PORT", "IOT_MTLS_ENABLED", "SFTP_ENABLED")
    return not variable.startswith(of_the_emulator) and variable not in names


def python_folders(layer: Path) -> list[Path]:
    """Return where Lambda's Python runtime looks for modules in a layer."""
    versions = sorted(layer.glob("python/lib/python3.*/site-packages"))
    return [place for place in (layer / "python", *versions, layer) if place.is_dir()]


def run_python_functions(folder: Path, runtime: Any, service: Any) -> FunctionHost:
    """Have MiniStack run its Python functions here; its other runtimes stay as they are."""
    host = FunctionHost(folder, runtime, service)
    choose, execute = runtime._worker_class_for, service._execute_function_warm

    def choose_ours(config: JsonObject) -> Any:
        return host.new if is_python(config) else choose(config)

    def execute_ours(function: JsonObject, event: Any, request_id: str) -> Any:
        is_ours = is_python(function.get("config") or function) and function.get("code_zip")
        return (host.execute if is_ours else execute)(function, event, request_id)

    runtime._worker_class_for = choose_ours
    service._execute_function_warm = execute_ours
    return host


def is_python(config: JsonObject) -> bool:
    """Return whether a function's runtime is Python."""
    return str(config.get("Runtime", "python3")).startswith("python")
