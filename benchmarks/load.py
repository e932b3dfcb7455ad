"""Load: thousands of leads, measured from PutEvents to the last row."""

from __future__ import annotations

import collections
import itertools
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import pymysql

from benchmarks.environment import applied
from benchmarks.figures import percentile, seconds, table, verdict
from ops.executions.events import Event, Publisher
from tests.support.running import RunningFlow

TITLE = "Load"
TITLE_LONG = "Load, long run"
#: Concurrent leads, and the number of leads sent with that concurrency: a thousand in all.
STEPS = {1: 100, 10: 400, 50: 500}
#: Number of leads in the long run, and number of its first leads that are compared with all.
LONG, SHORT = 10_000, 1_000
LONG_AT_A_TIME = 10
TOLERANCE = 0.15
#: Reserved concurrency of each backend function; the local environment has no other limit.
RESERVED = 10
BACKEND_FUNCTIONS = 3
#: Executions whose histories are read for the time in each state.
SAMPLE = 60
LOST_SECONDS = 90.0
POLL_SECONDS = 0.01
#: Environment variable that overrides `LONG`.
LONG_VARIABLE = "LEADS"

#: In the working folder of a process, which the emulator names after the function.
BACKEND = re.compile(r"/functions/\S+-crm-api-([a-z-]+)-back/")

numbers = itertools.count(1)


def lead() -> dict[str, Any]:
    """Return a new lead."""
    number = next(numbers)
    return {
        "name": "Camila",
        "lastname": "Saavedra",
        "rut": f"{10_000_000 + number}-0",
        "phone": 56983747263,
        "mail": f"lead{number}@example.com",
        "store": "est_central",
        "wantsBenefit": number % 2 == 0,
        "origin": "web",
    }


@dataclass
class Traffic:
    """The measurements of one step, in seconds."""

    took: float = 0.0
    latencies: list[float] = field(default_factory=list)
    #: Arrival time of each lead, in seconds from the start.
    arrivals: list[float] = field(default_factory=list)
    lost: int = 0


class Watch(threading.Thread):
    """Samples the functions' memory and the database connections every half second."""

    def __init__(self, platform: RunningFlow) -> None:
        super().__init__(daemon=True)
        self._emulator = psutil.Process(
            int((platform.settings.folder / "emulator.pid").read_text())
        )
        self._database = connect(platform)
        self._stopping = threading.Event()
        self.processes = 0
        self.largest_mb = 0.0
        self.most_connections = 0
        #: Processes of each backend function; each keeps one connection.
        self.backends: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._stopping.wait(0.5):
            processes = self._emulator.children(recursive=True)
            sizes = [resident_mb(process) for process in processes]
            # The union of two counters has the larger count of each.
            self.backends |= collections.Counter(filter(None, map(backend_of, processes)))
            self.processes = max(self.processes, len(sizes))
            self.largest_mb = max([self.largest_mb, *sizes])
            with self._database.cursor() as cursor:
                # The functions' user sees only its own connections; two belong to the benchmark.
                cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST")
                self.most_connections = max(self.most_connections, cursor.fetchone()[0] - 2)

    def stop(self) -> None:
        """Stop sampling, and close the connection."""
        self._stopping.set()
        self.join()
        self._database.close()


def resident_mb(process: psutil.Process) -> float:
    """Return a process's memory in MB; 0 if it has ended."""
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def backend_of(process: psutil.Process) -> str | None:
    """Return the backend function that a process runs, None for other processes."""
    try:
        match = BACKEND.search(process.cwd())
    except psutil.Error:
        return None
    return match[1] if match else None


def connect(platform: RunningFlow) -> Any:
    """Return a connection as the functions' database user."""
    location = platform.outputs["database"]
    secrets = platform.aws.client("secretsmanager")
    secret = json.loads(secrets.get_secret_value(SecretId=location["secret_arn"])["SecretString"])
    return pymysql.connect(
        host=location["host"],
        port=int(location["port"]),
        database=location["name"],
        user=secret["username"],
        password=secret["password"],
        autocommit=True,
    )


def drive(platform: RunningFlow, count: int, at_a_time: int) -> Traffic:
    """Send `count` leads, a new one for each that arrives, and measure until their last row.

    A lead that does not arrive within 90 s counts as lost.
    """
    publisher = Publisher(platform.aws.client("events"), platform.flow.event_bus_name)
    database = connect(platform)
    traffic, waiting = Traffic(), dict[str, float]()
    sent = 0
    started = time.perf_counter()
    while len(traffic.latencies) + traffic.lost < count:
        free = min(at_a_time - len(waiting), count - sent)
        if free > 0:
            leads = [lead() for _ in range(free)]
            sent += free
            events = [
                Event(1, "kranio.event.crm", "CRM Registration", json.dumps(each)) for each in leads
            ]
            now = time.perf_counter()
            waiting |= {each["rut"]: now for each in leads}
            for outcome in publisher.publish(events):
                if outcome.event_id is None:
                    raise RuntimeError(f"The bus rejected a lead: {outcome.reason}")
        ruts = arrived(database, list(waiting))
        now = time.perf_counter()
        for rut in ruts:
            traffic.latencies.append(now - waiting.pop(rut))
            traffic.arrivals.append(now - started)
        overdue = [each for each, at in waiting.items() if now - at > LOST_SECONDS]
        for each in overdue:
            del waiting[each]
        traffic.lost += len(overdue)
        time.sleep(POLL_SECONDS)
    traffic.took = time.perf_counter() - started
    database.close()
    return traffic


def arrived(database: Any, ruts: list[str]) -> list[str]:
    """Return the leads whose last row is in the database."""
    with database.cursor() as cursor:
        cursor.execute("SELECT rut FROM BENEFIT WHERE rut IN %s", (ruts,))
        return [rut for (rut,) in cursor.fetchall()]


def state_seconds(platform: RunningFlow) -> dict[str, float]:
    """Return the mean seconds in each state and between states, of the newest executions."""
    sums: dict[str, float] = collections.defaultdict(float)
    executions = [e for e in platform.executions.newest(SAMPLE) if e.seconds is not None]
    for execution in executions:
        rest = execution.seconds or 0.0
        for run in platform.executions.history(execution.arn):
            sums[run.name] += run.seconds or 0.0
            rest -= run.seconds or 0.0
        sums["between states"] += max(rest, 0.0)
    return {name: total / len(executions) for name, total in sums.items()}


def summary(traffic: Traffic) -> dict[str, float]:
    """Return the figures of one step."""
    return {
        "leads": len(traffic.latencies),
        "lost": traffic.lost,
        "per_second": len(traffic.latencies) / traffic.took,
        "p50": percentile(traffic.latencies, 0.50),
        "p95": percentile(traffic.latencies, 0.95),
        "p99": percentile(traffic.latencies, 0.99),
    }


def measure() -> dict[str, Any]:
    """Run the steps, from one concurrent lead to fifty."""
    steps: dict[str, Any] = {}
    with applied({"backend_concurrency": RESERVED}) as platform:
        # Warm up: another part measures cold starts.
        drive(platform, 20, 5)
        watch = Watch(platform)
        watch.start()
        for at_a_time, count in STEPS.items():
            traffic = drive(platform, count, at_a_time)
            steps[str(at_a_time)] = summary(traffic) | {"states": state_seconds(platform)}
            print(f"  {count} leads, {at_a_time} at a time: {traffic.took:.0f} s", flush=True)
        watch.stop()
    return {
        "steps": steps,
        "reserved": RESERVED,
        "connections": watch.most_connections,
        "backends": dict(sorted(watch.backends.items())),
        "processes": watch.processes,
        "largest_mb": watch.largest_mb,
    }


def measure_long() -> dict[str, Any]:
    """Send the number of leads in ``LEADS``, and compare the first thousand with all."""
    count = int(os.environ.get(LONG_VARIABLE) or LONG)
    if count < 2 * SHORT:
        raise ValueError(f"{LONG_VARIABLE} is {count}. Use {2 * SHORT} or more.")
    with applied({"backend_concurrency": RESERVED}) as platform:
        drive(platform, 20, 5)
        traffic = drive(platform, count, LONG_AT_A_TIME)
    return {"lost": traffic.lost, "growth": growth(traffic.arrivals)}


def growth(arrivals: list[float]) -> dict[str, float]:
    """Return the seconds per lead of the first leads, of all, and of the last ones."""
    ordered = sorted(arrivals)
    return {
        "leads": len(ordered),
        "first": ordered[SHORT - 1] / SHORT,
        "all": ordered[-1] / len(ordered),
        "last": (ordered[-1] - ordered[-SHORT - 1]) / SHORT,
    }


def render(data: dict[str, Any]) -> str:
    """Return the part's section."""
    steps = data["steps"]
    rows = [
        [
            at_a_time,
            f"{step['leads']:,}",
            step["lost"],
            f"{step['per_second']:.1f}",
            *(seconds(step[name]) for name in ("p50", "p95", "p99")),
        ]
        for at_a_time, step in steps.items()
    ]
    head = ["concurrent", "leads", "lost", "leads per second", "p50", "p95", "p99"]
    names = list(next(iter(steps.values()))["states"])
    share_rows = [[at_a_time, *shares(step["states"], names)] for at_a_time, step in steps.items()]
    limit = data["reserved"] * BACKEND_FUNCTIONS
    counts = ", ".join(f"{count} of `{name}`" for name, count in data["backends"].items())
    met = verdict(data["connections"] <= limit)
    facts = FACTS.format(**data, counts=counts, limit=limit, verdict=met)
    parts = [ABOUT, table(head, rows), table(["concurrent, share of", *names], share_rows), facts]
    return "\n\n".join(parts)


def render_long(data: dict[str, Any]) -> str:
    """Return the long run's section."""
    long = data["growth"]
    ratio = long["all"] / long["first"]
    met = verdict(abs(ratio - 1) <= TOLERANCE)
    rows = [
        [f"the first {SHORT:,}", "1.00", seconds(long["first"])],
        [f"all {long['leads']:,.0f}", f"{ratio:.2f}", seconds(long["all"])],
        [f"the last {SHORT:,}", f"{long['last'] / long['first']:.2f}", seconds(long["last"])],
    ]
    head = ["leads", "ratio to the first", "seconds per lead"]
    return "\n\n".join([ABOUT_LONG.format(met=met, lost=data["lost"]), table(head, rows)])


def shares(states: dict[str, float], names: list[str]) -> list[str]:
    """Return each state's share of an execution."""
    total = sum(states.values())
    return [f"{states.get(name, 0) / total:.0%}" for name in names]


ABOUT = """\
Leads enter the bus of the local environment. A new lead is sent for each that arrives, so that the
number in the first column is always in progress. Latency is the time from PutEvents to the last
row. Most of it is the emulator's bus, state machine and gateway, on the same processors as the
functions: the figures show the platform's behaviour under load, not the speed of AWS. With more
leads in progress than reserved executions, requests are throttled and the state machine retries
them: this is most of the latency at fifty. No lead may be lost."""
FACTS = """\
The functions opened at most {connections} database connections. The three backend functions have
{reserved} reserved executions each (set for this run; the local environment has no limit), {limit}
in all: {verdict}. Each process keeps one connection. The most concurrent processes were {counts}.
The emulator had at most {processes} child processes, the largest with {largest_mb:.0f} MB."""
ABOUT_LONG = """\
Ten concurrent leads; `LEADS=3000` after the command sends fewer. The time per lead must not grow
with the number of leads before it. Aim: within 15 %, {met}. Lost: {lost}."""
