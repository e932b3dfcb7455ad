"""Functions run in forks of a warm interpreter: alone, for as long as they last, as on Lambda."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from emulator.function_host import ExecutionEnvironment, FunctionHost
from ops.settings import REPOSITORY
from tests.support.platform import wait_for

Result = dict[str, Any]


class MiniStack:
    """The parts of MiniStack's Lambda that the host uses, as little as is needed."""

    INVOKE_DEPTH_ENV = "_DEPTH"
    INVOKE_DEPTH_HEADER = "X-Depth"
    DURABLE_ENV_VARS = ("_DURABLE",)
    _RESERVED_RUNTIME_ENV_VARS = frozenset({"AWS_REGION"})
    HOST_PREFIX_ENV = "AWS_DISABLE_HOST_PREFIX_INJECTION"

    def __init__(self) -> None:
        self._invoke_depth: ContextVar[int | None] = ContextVar("depth", default=None)
        self.trace: str | None = None
        self.host: FunctionHost | None = None
        self.pools: dict[str, list[ExecutionEnvironment]] = {}
        self._lock = threading.Lock()

    def _worker_key(self, name: str, config: Any, qualifier: str) -> str:
        return f"{config['FunctionArn']}:{qualifier}"

    def acquire_worker(self, name: str, config: Any, code: bytes, qualifier: str) -> Any:
        assert self.host
        with self._lock:
            pool = self.pools.setdefault(self._worker_key(name, config, qualifier), [])
            free = [environment for environment in pool if not environment.in_use]
            environment = free[0] if free else self.host.new(name, config, code)
            if not free:
                pool.append(environment)
            environment.in_use = True
            return environment, None

    def release_worker(self, environment: ExecutionEnvironment) -> None:
        with self._lock:
            environment.in_use = False

    def _account_region_from_function_config(self, config: Any) -> tuple[str, str]:
        account, region = config["FunctionArn"].split(":")[4], config["FunctionArn"].split(":")[3]
        return account, region

    def execution_credentials(self, config: Any) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": f"key of {config['FunctionArn'].split(':')[4]}"}

    def _xray_trace_id_for_invocation(self, config: Any) -> str | None:
        return self.trace

    def _durable_env_overlay(self) -> dict[str, str]:
        return {}

    def _ensure_reaper_thread(self) -> None:
        pass

    def _throttle_response(self, reason_code: str, msg: str) -> Result:
        return {"throttle": True, "body": {"Reason": reason_code, "message": msg}, "error": True}

    def _resolve_layer_zip(self, layer: bytes) -> bytes:
        return layer


class Functions:
    """A host, and functions from source text."""

    def __init__(self, folder: Path) -> None:
        self.ministack = MiniStack()
        self.host = self.ministack.host = FunctionHost(folder, self.ministack, self.ministack)
        self._count = 0

    def new(self, code: str, files: dict[str, str] | None = None, **config: Any) -> Result:
        self._count += 1
        name = config.pop("name", f"function-{self._count}")
        account = config.pop("account", "111111111111")
        return {
            "config": {
                "FunctionName": name,
                "FunctionArn": f"arn:aws:lambda:eu-west-1:{account}:function:{name}",
                "Handler": "code.handler",
                "Runtime": "python3.12",
                "Timeout": 20,
                "MemorySize": 256,
                **config,
            },
            "code_zip": package({"code.py": code, **(files or {})}),
        }

    def call(self, function: Result, event: Any = None, request_id: str = "request") -> Result:
        return self.host.execute(function, event, request_id)

    def environments(self, function: Result) -> list[ExecutionEnvironment]:
        return self.ministack.pools[f"{function['config']['FunctionArn']}:$LATEST"]

    def end(self, function: Result) -> None:
        for environment in self.environments(function):
            environment.kill()


def package(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def handler(*lines: str) -> str:
    return "\n".join(["def handler(event, context):", *(f"    {line}" for line in lines)])


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    functions = Functions(tmp_path_factory.mktemp("host"))
    yield functions
    functions.host.server.close()


PID = handler("import os", "return os.getpid()")


def test_a_function_answers_and_is_called_again_in_the_same_process(functions: Functions) -> None:
    counter = functions.new(
        "count = 0\n"
        + handler("global count", "count += 1", "import os", "return [event, count, os.getpid()]")
    )

    first = functions.call(counter, {"a": [1, "ü", None]})["body"]
    second = functions.call(counter, "text")["body"]

    assert first[:2] == [{"a": [1, "ü", None]}, 1]
    assert second == ["text", 2, first[2]]
    assert first[2] not in (os.getpid(), functions.host.server.pid)


def test_starts_and_calls_are_fast(functions: Functions) -> None:
    """Loose limits, for a busy computer: what they exclude takes ten times as long."""

    def milliseconds(calls: list[Callable[[], Any]]) -> float:
        taken = []
        for call in calls:
            begin = time.perf_counter()
            call()
            taken.append((time.perf_counter() - begin) * 1000)
        return sorted(taken)[len(taken) // 2]

    client = "import boto3\nboto3.client('sqs', region_name='eu-west-1')\n" + PID
    warm = functions.new(PID)
    functions.call(warm)

    assert milliseconds([lambda: functions.call(functions.new(PID))] * 9) < 150
    assert milliseconds([lambda: functions.call(functions.new(client))] * 5) < 350
    assert milliseconds([lambda: functions.call(warm)] * 50) < 25


@pytest.mark.parametrize(
    ("line", "name", "message"),
    [
        ("raise ValueError('no')", "ValueError", "no"),
        ("raise type('InvalidLead', (Exception,), {})('bad')", "InvalidLead", "bad"),
        (
            "return {1, 2}",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
    ],
)
def test_an_exception_is_named_and_does_not_end_the_process(
    functions: Functions, line: str, name: str, message: str
) -> None:
    function = functions.new(
        handler("import os", "if event: return os.getpid()", "print('before')", line)
    )
    pid = functions.call(function, True)["body"]

    failed = functions.call(function)

    assert failed["error"]
    assert failed["body"] == {"errorMessage": message, "errorType": name}
    assert failed["log"].startswith("before\nTraceback (most recent call last):\n")
    assert functions.call(function, True)["body"] == pid


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("sys.exit('a reason')", "Runtime exited with error: exit status 1"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        # Its earlier output does not explain its end.
        ("traceback.print_exc(); os._exit(1)", "Runtime exited with error: exit status 1"),
    ],
)
def test_a_process_that_ends_is_an_error_of_the_runtime(
    functions: Functions, line: str, message: str
) -> None:
    function = functions.new(
        handler("import os, sys, traceback", "if event: return 'alive'", "print('before')", line)
    )
    functions.call(function, True)

    died = functions.call(function, request_id="r1")

    error = {"errorMessage": f"RequestId: r1 Error: {message}", "errorType": "Runtime.ExitError"}
    assert died["body"] == error
    assert died["log"].startswith("before\n")
    assert functions.call(function, True)["body"] == "alive"


def test_a_killed_process_is_replaced(functions: Functions) -> None:
    function = functions.new(PID)
    pid = functions.call(function)["body"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid), "its end")

    assert functions.call(function)["body"] != pid


def test_a_function_out_of_time_ends_with_what_it_started(functions: Functions) -> None:
    function = functions.new(
        handler(
            "import subprocess, time",
            "if event: return 'alive'",
            "child = subprocess.Popen(['sleep', '60'])",
            "print(child.pid, context.get_remaining_time_in_millis(), flush=True)",
            "time.sleep(60)",
        ),
        Timeout=1,
    )
    functions.call(function, True)

    begin = time.monotonic()
    late = functions.call(function)

    assert 1 <= time.monotonic() - begin < 5
    text = "Task timed out after 1.00 seconds"
    assert late["body"] == {"errorMessage": text, "errorType": "Sandbox.Timedout"}
    child, remaining = map(int, late["log"].splitlines()[0].split())
    assert 0 < remaining <= 1000
    wait_for(lambda: not is_running(child), "the end of what it started")
    assert functions.call(function, True)["body"] == "alive"


@pytest.mark.parametrize(
    ("code", "config", "name", "message"),
    [
        (
            "import no_such",
            {},
            "Runtime.ImportModuleError",
            "Unable to import module 'code': No module named 'no_such'",
        ),
        ("def handler(:", {}, "Runtime.UserCodeSyntaxError", "invalid syntax (code.py, line 1)"),
        (PID, {"Handler": "code.other"}, "Runtime.HandlerNotFound", None),
        ("raise ValueError('at start')", {}, "ValueError", "at start"),
        ("import os; os._exit(2)", {}, "Runtime.ExitError", None),
    ],
)
def test_a_function_that_cannot_start_says_why(
    functions: Functions, code: str, config: Result, name: str, message: str | None
) -> None:
    failed = functions.call(functions.new(code, **config))

    assert failed["body"]["errorType"] == name
    assert message in (None, failed["body"]["errorMessage"])


def test_a_handler_may_be_in_a_folder(functions: Functions) -> None:
    function = functions.new(
        "", {"deep/er/__init__.py": "", "deep/er/one.py": PID}, Handler="deep/er/one.handler"
    )

    assert isinstance(functions.call(function)["body"], int)


def test_the_log_of_each_call_is_complete(functions: Functions) -> None:
    function = functions.new(
        handler(
            "import sys, os, subprocess",
            "for n in range(event): print('line', n, 'x' * 100)",
            "sys.stderr.write('error\\n')",
            "os.write(1, b'raw ')",
            "subprocess.run(['echo', 'child'])",
            "print('end', end='')",
        )
    )

    # More than a pipe holds.
    long = functions.call(function, 5000)["log"]
    short = functions.call(function, 0)["log"]

    assert [line.split()[1] for line in long.splitlines()[:5000]] == [str(n) for n in range(5000)]
    assert short == "error\nraw child\nend"
    assert long.endswith(short)


def test_large_events_and_answers_pass(functions: Functions) -> None:
    function = functions.new(handler("return event"))
    event = {"text": "x" * 6_000_000}

    assert functions.call(function, event)["body"] == event


def test_functions_see_their_package_and_the_runtimes_libraries_only(functions: Functions) -> None:
    look = functions.new(
        handler(
            "import importlib, sys",
            "found = {}",
            "for name in event:",
            "    try: found[name] = importlib.import_module(name).__name__",
            "    except ImportError: found[name] = None",
            "return [found, sys.path, sorted(sys.modules), sys.argv]",
        )
    )
    theirs = ["emulator", "ministack", "hypercorn", "yaml", "ops", "flowbridge", "pip", "pytest"]
    ours = ["boto3", "botocore", "urllib3", "dateutil", "jmespath", "s3transfer", "json", "code"]

    found, path, modules, arguments = functions.call(look, [*theirs, *ours])["body"]

    assert found == {**dict.fromkeys(theirs), **{name: name for name in ours}}
    assert path[0].endswith(f"/functions/{look['config']['FunctionName']}/{Path(path[0]).name}")
    assert not [place for place in path if "site-packages" in place or place == str(REPOSITORY)]
    assert not [name for name in modules if name.startswith(("fork_server", "function_host"))]
    assert arguments == ["bootstrap"]


def test_functions_do_not_see_each_other(functions: Functions) -> None:
    code = "import os, json, builtins\nimport shared\n" + handler(
        "before = [os.environ.get('LEFT'), getattr(json, 'left', None), shared.NAME, os.getcwd()]",
        "os.environ['LEFT'] = json.left = 'left'",
        "return before",
    )
    one = functions.new(code, {"shared.py": "NAME = 'one'"})
    two = functions.new(code, {"shared.py": "NAME = 'two'"})

    seen = [functions.call(function)["body"] for function in (one, two)]

    assert [values[:3] for values in seen] == [[None, None, "one"], [None, None, "two"]]
    assert seen[0][3] != seen[1][3]


def test_accounts_and_versions_are_apart(functions: Functions) -> None:
    code = handler(
        "import os",
        "v = os.environ",
        "return [v['AWS_ACCESS_KEY_ID'], v['AWS_LAMBDA_FUNCTION_VERSION'], v['WHICH'], "
        "context.function_version, context.invoked_function_arn]",
    )

    def which(account: str, version: str, which: str) -> list[str]:
        function = functions.new(
            code,
            name="same",
            account=account,
            Version=version,
            Environment={"Variables": {"WHICH": which, "AWS_REGION": "refused"}},
        )
        body: list[str] = functions.call(function)["body"]
        return body

    arn = "arn:aws:lambda:eu-west-1:{}:function:same"
    one, two = "111111111111", "222222222222"
    assert which(one, "$LATEST", "a") == [
        f"key of {one}",
        "$LATEST",
        "a",
        "$LATEST",
        arn.format(one),
    ]
    assert which(one, "1", "b") == [f"key of {one}", "1", "b", "1", arn.format(one)]
    assert which(two, "1", "c") == [f"key of {two}", "1", "c", "1", arn.format(two)]
    assert which(one, "$LATEST", "ignored")[2] == "a"


def test_the_environment_is_lambdas(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MINISTACK_HOST", "AUTH", "PYTHONPATH"):
        monkeypatch.setenv(name, "the emulator's")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    function = functions.new(handler("import os", "return [dict(os.environ), vars(context)]"))
    functions.ministack.trace = "Root=1"
    functions.ministack._invoke_depth.set(2)
    try:
        variables, context = functions.call(function, request_id="r7")["body"]
    finally:
        functions.ministack.trace = None
        functions.ministack._invoke_depth.set(None)
    after, _ = functions.call(function)["body"]

    name = function["config"]["FunctionName"]
    assert not {"MINISTACK_HOST", "AUTH", "PYTHONPATH"} & {*variables}
    assert variables["NO_PROXY"] == "127.0.0.1"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert variables["LAMBDA_TASK_ROOT"] == variables["PWD"] or variables["LAMBDA_TASK_ROOT"]
    assert (variables["_X_AMZN_TRACE_ID"], variables["_DEPTH"]) == ("Root=1", "2")
    # They belong to one invocation.
    assert not {"_X_AMZN_TRACE_ID", "_DEPTH"} & {*after}
    assert context["function_name"] == name
    assert context["log_group_name"] == f"/aws/lambda/{name}"
    assert (context["memory_limit_in_mb"], context["aws_request_id"]) == (256, "r7")


def test_a_package_with_its_own_libraries_gets_these(functions: Functions) -> None:
    function = functions.new(
        "import urllib3, sys\n"
        + handler("return [urllib3.MINE, 'botocore' in sys.modules, __import__('six').__name__]"),
        {"urllib3/__init__.py": "MINE = True"},
    )

    assert functions.call(function)["body"] == [True, False, "six"]


def test_a_package_with_a_part_of_the_same_libraries_starts_warm(functions: Functions) -> None:
    six = importlib.util.find_spec("six")
    assert six
    assert six.origin
    function = functions.new(
        "import sys\n" + handler("return ['botocore' in sys.modules, __import__('six').__name__]"),
        {"six.py": Path(six.origin).read_text()},
    )

    assert functions.call(function)["body"] == [True, "six"]


def test_a_layer_is_found(functions: Functions) -> None:
    layer = package({"python/one.py": "NAME = 1", "python/lib/python3.12/site-packages/two.py": ""})
    function = functions.new("import one, two\n" + handler("return one.NAME"), Layers=[layer])

    assert functions.call(function)["body"] == 1


def test_a_function_has_a_bounded_number_of_processes(functions: Functions) -> None:
    slow = functions.new(handler("import os, time", "time.sleep(0.05)", "return os.getpid()"))
    calls = functions.host.per_function * 5

    with ThreadPoolExecutor(calls) as pool:
        pids = [r["body"] for r in pool.map(lambda _: functions.call(slow), range(calls))]

    assert len(pids) == calls
    assert 1 < len({*pids}) <= functions.host.per_function


def test_a_nested_invocation_does_not_wait_for_its_caller(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions.host, "per_function", 1)
    function = functions.new(handler("import time", "time.sleep(event)", "return 'answered'"))
    caller = threading.Thread(target=functions.call, args=(function, 2))
    caller.start()
    wait_for(
        lambda: functions.ministack.pools.get(f"{function['config']['FunctionArn']}:$LATEST"), ""
    )

    functions.ministack._invoke_depth.set(1)
    try:
        begin = time.monotonic()
        assert functions.call(function, 0)["body"] == "answered"
        assert time.monotonic() - begin < 1.5
    finally:
        functions.ministack._invoke_depth.set(None)
        caller.join()


def test_a_call_that_waited_for_too_long_is_throttled(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions.host, "per_function", 1)
    monkeypatch.setattr("emulator.function_host.QUEUE_SECONDS", 0.1)
    function = functions.new(handler("import time", "time.sleep(1)"))
    caller = threading.Thread(target=functions.call, args=(function,))
    caller.start()
    wait_for(
        lambda: functions.ministack.pools.get(f"{function['config']['FunctionArn']}:$LATEST"), ""
    )

    refused = functions.call(function)

    caller.join()
    assert refused["throttle"]
    assert refused["body"]["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_an_ended_function_leaves_no_descriptor_and_no_process(functions: Functions) -> None:
    def once() -> None:
        function = functions.new(PID)
        assert functions.call(function)["body"]
        functions.end(function)

    once()
    this, server = psutil.Process(), psutil.Process(functions.host.server.pid)

    def counts() -> tuple[int, int, int]:
        return this.num_fds(), server.num_fds(), len(server.children())

    # Descriptors that other tests opened may close meanwhile, so there may be fewer in the end.
    before = counts()
    for _ in range(20):
        once()

    wait_for(
        lambda: all(now <= first for now, first in zip(counts(), before, strict=True)),
        f"no more descriptors and processes than before, {before}",
    )


def test_a_process_has_no_descriptor_of_another(functions: Functions) -> None:
    function = functions.new(handler("import os", "return os.listdir('/proc/self/fd')"))

    # Its own list has one, too.
    assert len(functions.call(function)["body"]) == 5


HOST = """
import signal, sys, threading, time
from pathlib import Path
from tests.emulator.end_to_end.test_function_host import Functions, PID, handler
# A parent that ignores Ctrl-C, such as a job in the background, hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
functions = Functions(Path(sys.argv[1]))
busy = functions.new(handler(
    "import os, subprocess, time",
    "child = subprocess.Popen(['sleep', '300'])",
    "open(event, 'w').write(f'{os.getpid()} {child.pid}')",
    "time.sleep(300)",
), Timeout=300)
idle = functions.call(functions.new(PID))["body"]
threading.Thread(target=functions.call, args=(busy, sys.argv[1] + "/busy"), daemon=True).start()
print(functions.host.server.pid, idle, flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_emulator(tmp_path: Path, number: signal.Signals) -> None:
    emulator = subprocess.Popen(
        [sys.executable, "-c", HOST, str(tmp_path / "host")],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert emulator.stdout
    running = [int(word) for word in emulator.stdout.readline().split()]
    file = tmp_path / "host" / "busy"
    wait_for(lambda: file.exists() and len(file.read_text().split()) == 2, "the busy function")
    running += [int(word) for word in file.read_text().split()]
    assert len(running) == 4
    assert all(map(is_running, running))

    emulator.send_signal(number)
    emulator.wait(10)

    wait_for(lambda: not any(map(is_running, running)), "the end of every process", 10)


#: The fork server, which gets the signal of the emulator's death before it kills each function.
INTERRUPTED = """
import os, sys
sys.path.insert(0, {repository!r})
from emulator import fork_server
sys.path.pop(0)
kill_group = fork_server.kill_group
def interrupted(pid):
    os.kill(os.getpid(), fork_server.PARENT_DIED)
    kill_group(pid)
fork_server.kill_group = interrupted
fork_server.main()
"""


def test_news_of_the_emulators_death_does_not_stop_the_end_of_its_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED.format(repository=str(REPOSITORY)))
    monkeypatch.setattr("emulator.function_host.PROGRAM", program)
    functions = Functions(tmp_path / "host")
    child = "child = subprocess.Popen(['sleep', '300'])"
    bodies = [
        functions.call(functions.new(handler("import subprocess", child, "return child.pid")))
        for _ in range(2)
    ]
    children = [int(answer["body"]) for answer in bodies]
    assert all(map(is_running, children))

    functions.host.server.close()

    wait_for(lambda: not any(map(is_running, children)), "the end of the children", 10)


def test_a_fork_server_that_died_is_an_error_of_the_runtime(tmp_path: Path) -> None:
    functions = Functions(tmp_path / "host")
    function = functions.new(PID)
    functions.call(function)
    [environment] = functions.environments(function)
    assert environment._proc
    pid = environment._proc.pid
    assert pid
    os.kill(functions.host.server.pid, signal.SIGKILL)
    wait_for(lambda: not is_running(pid), "the end of the function")

    for _ in range(2):
        died = functions.call(function)
        assert died["body"]["errorType"] == "Runtime.ExitError"
    functions.host.server.close()


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_other_runtimes_stay_as_they_are(tmp_path: Path) -> None:
    from emulator.function_host import run_python_functions

    runtime = MiniStack()
    service = SimpleNamespace(_execute_function_warm=lambda function, *_: "MiniStack's")
    vars(runtime)["_worker_class_for"] = lambda config: "MiniStack's"
    host = run_python_functions(tmp_path / "host", runtime, service)
    node: Result = {"config": {"Runtime": "nodejs22.x"}, "code_zip": b""}
    try:
        assert vars(runtime)["_worker_class_for"](node["config"]) == "MiniStack's"
        assert vars(runtime)["_worker_class_for"]({"Runtime": "python3.13"}) == host.new
        assert service._execute_function_warm(node, {}, "r") == "MiniStack's"
        # Without code it has an answer of its own.
        assert service._execute_function_warm({"Runtime": "python3.13"}, {}, "r") == "MiniStack's"
    finally:
        host.server.close()


def test_events_are_json(functions: Functions) -> None:
    echo = functions.new(handler("return [type(event).__name__, event]"))

    for event, name in (
        ({}, "dict"),
        ([], "list"),
        ("a", "str"),
        (1.5, "float"),
        (None, "NoneType"),
    ):
        assert functions.call(echo, event)["body"] == [name, event]
    assert json.dumps(functions.call(echo, {"é": 1})["body"])
