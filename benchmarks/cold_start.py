"""Cold start: our functions and the article's, under AWS's runtime interface client."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import median, paired_ratio, seconds, table, verdict
from benchmarks.flows import benchmarks
from benchmarks.runtime_api import RUNTIME_PYTHON, Run, RuntimeApi
from benchmarks.stand_ins import StandIns
from build import package
from tests.support.mariadb import MariaDB, running_mariadb

TITLE = "Cold start"
ARTICLE = Path(__file__).with_name("article")
ROUNDS = 9
INVOCATIONS = 100
#: "The hundredth invocation" is the median of the last ten, because a single one is noise.
LAST = 10
#: Smaller differences count as equal.
TOLERANCE = 0.03
MEMORY_MB = 256
#: Memory that buys one processor
#: (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
MEMORY_OF_A_PROCESSOR_MB = 1769
EMPTY = "empty.handler"

#: By name, of all flows.
FUNCTIONS = {name: one for flow in benchmarks().values() for name, one in flow.functions.items()}
ARTICLES_PACKAGES = {
    package: folder
    for flow in benchmarks().values()
    for package, folder in flow.articles_packages.items()
}
LIBRARIES = {
    package: names for flow in benchmarks().values() for package, names in flow.libraries.items()
}
TRIED_ON = tuple(name for flow in benchmarks().values() for name in flow.tried_on)


class Bench:
    """Unpacks the packages and runs their functions.

    Parameters
    ----------
    folder
        Folder for the unpacked packages.
    api
        Runs the functions.
    variables
        Environment variables of the functions.
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
        """Run an empty function, to measure the runtime alone."""
        events = [{"n": number} for number in range(INVOCATIONS)]
        return self._api.run(EMPTY, self._root("ours", "empty"), self._variables, events)

    def sizes(self) -> dict[str, dict[str, int]]:
        """Return the size in bytes of each package's zip, without and with bytecode."""
        return {
            name: {kind: zipped(self._root(kind, name)) for kind in ("ours", "compiled")}
            for name in ARTICLES_PACKAGES
        }

    def _root(self, kind: str, name: str) -> Path:
        return self._folder / kind / name

    def _compile(self, name: str) -> None:
        """Make a copy with bytecode that Python loads without checking the source."""
        target = self._root("compiled", name)
        shutil.copytree(self._root("ours", name), target)
        command = [str(RUNTIME_PYTHON), "-m", "compileall", "-q"]
        command += ["--invalidation-mode", "unchecked-hash", str(target)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, check=True, env=environment)

    def _make_eager(self, name: str) -> None:
        """Add modules that create the AWS client before the first event."""
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
    """Return the size in bytes of the zip that ``build/package.py`` makes of a folder."""
    files = (f for f in folder.rglob("*") if f.is_file() and f.parent.name != "eager")
    return len(package.zip_bytes({str(f.relative_to(folder)): f.read_bytes() for f in files}))


@contextmanager
def prepared() -> Iterator[Bench]:
    """Start everything that the functions need, and stop it afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-cold-") as folder, running_mariadb() as database:
        kept: dict[str, str] = {}
        for flow in benchmarks().values():
            flow.prepare(database)
            kept |= flow.secrets(database)
        stand_ins = StandIns(kept)
        api = RuntimeApi()
        try:
            yield Bench(Path(folder), api, function_variables(database, stand_ins.url))
        finally:
            api.close()
            stand_ins.close()


def function_variables(database: MariaDB, url: str) -> dict[str, str]:
    """Return the environment variables for all functions, ours and the article's."""
    variables = {
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
    }
    for flow in benchmarks().values():
        variables |= flow.variables(database, url)
    return variables


def figures(runs: list[Run]) -> dict[str, list[float]]:
    """Return the figures to save from one function's runs."""
    return {
        "init": [run.init for run in runs],
        "init_cpu": [run.init_cpu for run in runs],
        "first": [run.invocations[0] for run in runs],
        "first_cpu": [run.first_cpu for run in runs],
        "hundredth": [median(run.invocations[-LAST:]) for run in runs],
        "peak_mb": [run.peak_mb for run in runs],
    }


def measure() -> dict[str, Any]:
    """Run all functions, ours and the article's in turn, in several rounds."""
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
    results = {
        name: {kind: figures(kind_runs) for kind, kind_runs in kinds.items()}
        for name, kinds in runs.items()
    }
    return {"rounds": ROUNDS, "functions": results, "sizes": sizes}


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
    head = ["function", "init, ours / article's", "", "init", "first", "hundredth", "memory"]
    alone = median(functions["empty"]["ours"]["init"])
    return "\n\n".join(
        [
            ABOUT.format(rounds=data["rounds"], alone=seconds(alone)),
            table(head, rows),
            tried(data),
        ]
    )


def both(article: dict[str, list[float]], ours: dict[str, list[float]], name: str) -> list[str]:
    """Return a cell with both medians."""
    return [f"{seconds(median(article[name]))} / {seconds(median(ours[name]))}"]


def tried(data: dict[str, Any]) -> str:
    """Return the text and table of the variants that were tried."""
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
    head = ["variant", "init, variant / ours", "init and first, variant / ours"]
    head += ["first on a processor share, ours", "variant"]
    sizes = [
        f"`{name}` {size['compiled'] / size['ours']:.2f} times as large"
        for name, size in data["sizes"].items()
    ]
    return f"{TRIED.format(sizes=' and '.join(sizes))}\n\n{table(head, rows)}"


def totals(kept: dict[str, list[float]]) -> list[float]:
    """Return the processor time until the first response, for each run."""
    return [a + b for a, b in zip(kept["init_cpu"], kept["first_cpu"], strict=True)]


def throttled(kept: dict[str, list[float]]) -> float:
    """Return the duration of the first invocation with the processor share of its memory."""
    return median(kept["first_cpu"]) * MEMORY_OF_A_PROCESSOR_MB / MEMORY_MB


ABOUT = """\
Each function runs under `awslambdaric` against a small Runtime API server, in {rounds} processes of
a hundred invocations each, in turn with the article's function of the same name (`article/` has its
imports and structure, in our own words). Secrets Manager, SQS, EventBridge and the API are
stand-ins that respond at once; the database is a MariaDB. Cells are medians, the article's / ours.
The ratio is the median of the ratios of each pair, in processor time, which other work on the
machine affects less than elapsed time. Init is the time from the start of the process until it
requests its first event; the runtime alone takes {alone} of it. Aim: init at most 3 % slower than
the article's."""
TRIED = """\
Where ours initialises more slowly, it does work that the article's does not do. `receive_lead` and
the backend functions validate the lead and write searchable logs; the backend functions also
translate database errors. The article's functions let everything through. Python compiles the
sources at each start, because the zips have no bytecode (see below): 1 ms per 10 kB here. Finding
each file takes another 0.1 to 0.2 ms. That is the whole difference. Functions that need a secret or
a queue create the AWS client in their first invocation; most of that time is the import of botocore
and the loading of its service description. The article's functions read the password from a file
and send no API key. From the second invocation on, ours reuse their connection: the backend
functions respond in a fraction of the time of the article's, which connects for each request.

Done:

- A module of 6 kB (`flowbridge/schema.py`, 1.7 ms) validates against the schema. The library
  `fastjsonschema` takes 12 ms to import and 4 ms to compile a lead's schema.
- `dataclasses` and `pathlib` are not imported: 7 ms, and nothing else needs them.
- Patterns are compiled on first use; one in `catch_errors` took 3.5 ms.

Tried and rejected:

- Code generated by `fastjsonschema` from the schema: 5 ms to import, because it repeats the rules
  at each `raise`.
- Importing PyMySQL at the first request, like the AWS client: init of the backend functions would
  be shorter than the article's, but the first response would come later by the same time, because
  every valid request needs PyMySQL.
- Bytecode in the zip: init is shorter, but the zips become larger than SAM's ({sizes}), and
  bytecode works only with the Python version that compiled it, which may differ from Lambda's.
- Creating the AWS client at init: the processor time until the first response is the same. On AWS
  an invocation gets the share of a processor that its memory buys; the last two columns calculate
  the first invocation with that share (256 of 1,769 MB), which a client created at init would save.
  It is rejected because the aim is init, and rejected requests need no client. Change this first
  if the time of the first response matters more."""
