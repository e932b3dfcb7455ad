"""Cold start: our functions beside the article's, under AWS's own runtime interface client."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import median, paired_ratio, seconds, table, verdict
from benchmarks.runtime_api import RUNTIME_PYTHON, Run, RuntimeApi
from benchmarks.stand_ins import StandIns
from build import package
from ops.settings import REPOSITORY
from tests.support.mariadb import MariaDB, running_mariadb

TITLE = "Cold start"
ARTICLE = Path(__file__).with_name("article")
ROUNDS = 9
INVOCATIONS = 100
#: The hundredth invocation is the median of this many at the end: one alone is noise.
LAST = 10
#: What differs by less is called the same.
TOLERANCE = 0.03
MEMORY_MB = 256
#: From https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: one processor.
MEMORY_OF_A_PROCESSOR_MB = 1769
#: What the article's functions need of the libraries in our packages.
LIBRARIES = {
    "crm_registration": ("requests", "urllib3", "certifi", "idna", "charset_normalizer"),
    "crm_api": ("pymysql",),
}
EMPTY = "empty.handler"

Event = dict[str, Any]
numbers = itertools.count(1)


def lead() -> Event:
    """Return a lead that was not sent before."""
    return {
        "name": "Camila",
        "lastname": "Saavedra",
        "rut": f"{next(numbers)}-0",
        "phone": 56983747263,
        "mail": "csaavedra@micorreo.com",
        "store": "est_central",
        "wantsBenefit": False,
        "origin": "app",
    }


def bus_event() -> Event:
    """Return an event as EventBridge gives it to the first state."""
    return {
        "version": "0",
        "id": "c66caab7-10f8-d6e9-fc4e-2b92021ce7ed",
        "detail-type": "CRM Registration",
        "source": "kranio.event.crm",
        "account": "000000000000",
        "time": "2026-01-26T21:52:58Z",
        "region": "us-east-1",
        "resources": [],
        "detail": lead(),
    }


def failure() -> Event:
    """Return what the state machine gives to the state that catches errors."""
    return {
        "event": bus_event(),
        "failedState": "CreateClient",
        "error": {"Error": "CrmRejected", "Cause": '{"errorMessage": "no"}'},
        "execution": "arn:aws:states:us-east-1:000000000000:execution:machine:1",
    }


def request(*fields: str) -> Callable[[], Event]:
    """Return what makes API Gateway's events for an endpoint that takes these fields."""

    def make() -> Event:
        body = {name: value for name, value in lead().items() if name in fields}
        return {"httpMethod": "POST", "body": json.dumps(body), "isBase64Encoded": False}

    return make


@dataclass(frozen=True)
class Function:
    """One of our functions and the article's of the same name."""

    package: str
    event: Callable[[], Event]


FUNCTIONS = {
    "receive_lead": Function("crm_registration", bus_event),
    "create_client": Function("crm_registration", lead),
    "create_partner": Function("crm_registration", lead),
    "create_benefit": Function("crm_registration", lead),
    "catch_errors": Function("crm_registration", failure),
    "create_client_back": Function("crm_api", request("name", "lastname", "rut", "phone", "mail")),
    "create_partner_back": Function("crm_api", request("rut", "store")),
    "create_benefit_back": Function("crm_api", request("rut", "wantsBenefit")),
}
ARTICLES_PACKAGES = {"crm_registration": "step_functions", "crm_api": "api"}
#: Those of ours on which what did not help was tried: one of each kind.
TRIED_ON = ("receive_lead", "create_client", "create_client_back")


class Bench:
    """The unpacked packages, and the variables of the functions.

    Parameters
    ----------
    folder
        Where the packages are unpacked.
    api
        Drives the functions.
    variables
        Their environment variables.
    """

    def __init__(self, folder: Path, api: RuntimeApi, variables: dict[str, str]) -> None:
        self._folder = folder
        self._api = api
        self._variables = variables
        dist = folder / "dist"
        package.build(package.SOURCES, dist, package.CACHE)
        for name, articles in ARTICLES_PACKAGES.items():
            with zipfile.ZipFile(dist / f"{name}.zip") as archive:
                archive.extractall(self._root("ours", name))
            article = self._root("article", name)
            shutil.copytree(
                ARTICLE / articles,
                article / articles,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
            for library in LIBRARIES[name]:
                shutil.copytree(self._root("ours", name) / library, article / library)
            self._compile(name)
            self._make_eager(name)
        empty = self._root("ours", "empty")
        empty.mkdir()
        (empty / "empty.py").write_text("def handler(event, context):\n    return event\n")

    def run(self, kind: str, name: str) -> Run:
        """Run a function once: `kind` is ours, article, compiled or eager."""
        function = FUNCTIONS[name]
        module = "eager" if kind == "eager" else ARTICLES_PACKAGES[function.package]
        if kind in ("ours", "compiled"):
            module = function.package
        events = [function.event() for _ in range(INVOCATIONS)]
        root = self._root("ours" if kind == "eager" else kind, function.package)
        return self._api.run(f"{module}.{name}.handler", root, self._variables, events)

    def run_empty(self) -> Run:
        """Run a function that does nothing: the runtime alone."""
        events = [{"n": number} for number in range(INVOCATIONS)]
        return self._api.run(EMPTY, self._root("ours", "empty"), self._variables, events)

    def sizes(self) -> dict[str, dict[str, int]]:
        """Return the bytes of each package's zip, without bytecode and with it."""
        return {
            name: {kind: zipped(self._root(kind, name)) for kind in ("ours", "compiled")}
            for name in ARTICLES_PACKAGES
        }

    def _root(self, kind: str, name: str) -> Path:
        return self._folder / kind / name

    def _compile(self, name: str) -> None:
        """Make a copy with bytecode, which Python takes without a look at the source."""
        target = self._root("compiled", name)
        shutil.copytree(self._root("ours", name), target)
        command = [str(RUNTIME_PYTHON), "-m", "compileall", "-q"]
        command += ["--invalidation-mode", "unchecked-hash", str(target)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, check=True, env=environment)

    def _make_eager(self, name: str) -> None:
        """Put modules beside the functions that make the AWS client before the first event."""
        folder = self._root("ours", name) / "eager"
        folder.mkdir()
        for function, settings in FUNCTIONS.items():
            if settings.package == name:
                (folder / f"{function}.py").write_text(
                    f"from {name}.{function} import handler\n"
                    "from flowbridge.clients import client\n"
                    'client("secretsmanager")\n'
                )


def zipped(folder: Path) -> int:
    """Return the bytes of the zip that our packager makes of a folder."""
    files = (f for f in folder.rglob("*") if f.is_file() and f.parent.name != "eager")
    return len(package.zip_bytes({str(f.relative_to(folder)): f.read_bytes() for f in files}))


@contextmanager
def prepared() -> Iterator[Bench]:
    """Give everything that the functions need, and take it away afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-cold-") as folder, running_mariadb() as database:
        make_tables(database)
        user = {"username": database.root.username, "password": database.root.password}
        stand_ins = StandIns({"api-key": "k" * 40, "database": json.dumps(user)})
        api = RuntimeApi()
        try:
            yield Bench(Path(folder), api, function_variables(database, stand_ins.url))
        finally:
            api.close()
            stand_ins.close()


def make_tables(database: MariaDB) -> None:
    """Make the tables as the platform does; both kinds of functions write to them."""
    for file in sorted((REPOSITORY / "lambda_src" / "crm_api" / "migrations").glob("*.sql")):
        database.execute(file.read_text())


def function_variables(database: MariaDB, url: str) -> dict[str, str]:
    """Return the variables of every function, ours and the article's."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": url,
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "LOG_LEVEL": "INFO",
        "CRM_API_URL": url,
        "CRM_API_KEY_SECRET": "api-key",
        # The name of one release, and of the next.
        "FAILED_LEADS_QUEUE_URL": f"{url}/000000000000/failed-leads",
        "FAILED_QUEUE_URL": f"{url}/000000000000/failed-leads",
        "EVENT_BUS_NAME": "bus",
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_NAME": database.name,
        "DATABASE_SECRET": "database",
        # The article's functions have no secret to read.
        "DATABASE_USER": database.root.username,
        "DATABASE_PASSWORD": database.root.password,
    }


def figures(runs: list[Run]) -> dict[str, list[float]]:
    """Return what is kept of the runs of one function."""
    return {
        "init": [run.init for run in runs],
        "init_cpu": [run.init_cpu for run in runs],
        "first": [run.invocations[0] for run in runs],
        "first_cpu": [run.first_cpu for run in runs],
        "hundredth": [median(run.invocations[-LAST:]) for run in runs],
        "peak_mb": [run.peak_mb for run in runs],
    }


def measure() -> dict[str, Any]:
    """Run every function of both kinds in turn, round by round."""
    runs: dict[str, dict[str, list[Run]]] = {name: {} for name in (*FUNCTIONS, "empty")}
    with prepared() as bench:
        for number in range(ROUNDS):
            runs["empty"].setdefault("ours", []).append(bench.run_empty())
            for name in FUNCTIONS:
                kinds = ["article", "ours"] if number % 2 else ["ours", "article"]
                for kind in [*kinds, *(("compiled", "eager") if name in TRIED_ON else ())]:
                    runs[name].setdefault(kind, []).append(bench.run(kind, name))
            print(f"  round {number + 1} of {ROUNDS}")
        sizes = bench.sizes()
    kept = {
        name: {kind: figures(lives) for kind, lives in kinds.items()}
        for name, kinds in runs.items()
    }
    return {"rounds": ROUNDS, "functions": kept, "sizes": sizes}


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    functions = data["functions"]
    rows = []
    for name in FUNCTIONS:
        article, ours = functions[name]["article"], functions[name]["ours"]
        ratio = 1 / paired_ratio(article["init_cpu"], ours["init_cpu"])
        rows.append(
            [
                f"`{name}`",
                f"{ratio:.2f}",
                verdict(ratio <= 1 + TOLERANCE),
                *both(article, ours, "init"),
                *both(article, ours, "first"),
                *both(article, ours, "hundredth"),
                f"{median(article['peak_mb']):.0f} / {median(ours['peak_mb']):.0f} MB",
            ]
        )
    head = ["function", "init, ours to the article's", "", "init", "first", "hundredth", "memory"]
    alone = median(functions["empty"]["ours"]["init"])
    return "\n\n".join(
        [
            ABOUT.format(rounds=data["rounds"], alone=seconds(alone)),
            table(head, rows),
            tried(data),
        ]
    )


def both(article: dict[str, list[float]], ours: dict[str, list[float]], name: str) -> list[str]:
    """Return the cell with the medians of both."""
    return [f"{seconds(median(article[name]))} / {seconds(median(ours[name]))}"]


def tried(data: dict[str, Any]) -> str:
    """Return what was tried beside what is done, with its figures."""
    rows = []
    for name in TRIED_ON:
        kinds = data["functions"][name]
        plain = kinds["ours"]
        for kind, words in (("compiled", "bytecode in the zip"), ("eager", "AWS client at init")):
            other = kinds[kind]
            rows.append(
                [
                    f"`{name}`, {words}",
                    f"{1 / paired_ratio(plain['init_cpu'], other['init_cpu']):.2f}",
                    f"{1 / paired_ratio(totals(plain), totals(other)):.2f}",
                    seconds(throttled(plain)),
                    seconds(throttled(other)),
                ]
            )
    head = ["tried, to ours as it is", "init", "init and first"]
    head += ["first on a share, as it is", "tried"]
    sizes = [
        f"`{name}` {size['compiled'] / size['ours']:.2f} times as large"
        for name, size in data["sizes"].items()
    ]
    return f"{TRIED.format(sizes=' and '.join(sizes))}\n\n{table(head, rows)}"


def totals(kept: dict[str, list[float]]) -> list[float]:
    """Return the processor's time until the first answer, run by run."""
    return [a + b for a, b in zip(kept["init_cpu"], kept["first_cpu"], strict=True)]


def throttled(kept: dict[str, list[float]]) -> float:
    """Return how long the first invocation's work takes on the share that its memory buys."""
    return median(kept["first_cpu"]) * MEMORY_OF_A_PROCESSOR_MB / MEMORY_MB


ABOUT = """\
Each function runs under `awslambdaric` against a small Runtime API server, {rounds} lives of a
hundred invocations, in turn with the article's function of the same name (`article/`: its imports
and its structure, in our own words). Secrets Manager, SQS, EventBridge and the API are stand-ins
that answer at once; the database is a MariaDB. Cells are the article's / ours, medians; the ratio
is the median of each pair's, of processor time, which other work on the machine moves less than
the time on the clock. Init is from the process's start until it asks for its first event, and
{alone} of it are the runtime alone. Aim: init no slower than the article's, within 3 %."""
TRIED = """\
Where ours is slower to initialise, it does what the article's does not do at all. `receive_lead`
and the backend functions check a lead by its rules, log in a form that can be searched, and the
latter translate the database's errors, where the article's let everything through. Python compiles
those sources at each start (no bytecode is in the zips, for the reason below): 1 ms for each 10 kB
here, and 0.1 to 0.2 ms to find each file, which is all that is left of the difference. The first
invocation of those that need a secret or a queue makes the AWS client then, and importing botocore
and reading its description of the service is most of it; the article's functions hold the password
in a file and send no key. From the second on, ours keep their connection, and the backend functions
answer in a fraction of the article's time, which opens a connection for each request.

What was done: the rules are read as they stand by a module of 6 kB (`flowbridge/schema.py`,
1.7 ms) in place of a library (`fastjsonschema`, 12 ms to import and 4 to compile a lead's rules);
dataclasses and pathlib, 7 ms that nothing else needs, are not imported; patterns are compiled when
a value first meets them (one of `catch_errors` took 3.5 ms).

What was tried and is not done:

- Code that `fastjsonschema` generates of a schema, in place of the library: 5 ms to import, since
  it repeats the rules wherever it raises.
- PyMySQL at the first request, as the AWS client: init of the backend functions would be shorter
  than the article's, and the first answer later by as much, as every good request needs it.
- Bytecode in the zip: init is shorter, but the zips become larger than SAM's ({sizes}), and
  bytecode serves the one version of Python that compiled it, which is not Lambda's where a
  package is built with another.
- The AWS client at init: the processor's work until the first answer is the same, only sooner. An
  invocation on AWS has the share of a processor that the function's memory buys; the last two
  columns reckon the first invocation's work with that share (256 of 1,769 MB), which a client
  made at init would spare it. It is not done because init is what is aimed at here, and a refused
  request needs no client; it is the first thing to change when the first answer's time matters
  more."""
