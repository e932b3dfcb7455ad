"""Load: leads by the thousand, from PutEvents to the last row."""

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
from tests.support.platform import Platform

TITLE = "Load"
TITLE_LONG = "Load, the long form"
#: How many leads with how many at a time: a thousand in all.
STEPS = {1: 100, 10: 400, 50: 500}
#: How many leads the long run has, and how many of its first are compared with all.
LONG, SHORT = 10_000, 1_000
LONG_AT_A_TIME = 10
TOLERANCE = 0.15
#: Each backend function's; the local environment has no limit of its own.
RESERVED = 10
BACKEND_FUNCTIONS = 3
#: Executions whose histories are read for the share of each state.
SAMPLE = 60
LOST_SECONDS = 90.0
POLL_SECONDS = 0.01
#: How many leads the long run has, if not `LONG`.
LONG_VARIABLE = "LEADS"

#: In the folder's name of a process, between the platform's name and a mark of the emulator's.
BACKEND = re.compile(r"ministack-lambda-\S+-crm-api-([a-z-]+)-back-[^-/]+/")

numbers = itertools.count(1)


def lead() -> dict[str, Any]:
    """Return a lead that was not sent before."""
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
    """What became of the leads of one step."""

    took: float = 0.0
    latencies: list[float] = field(default_factory=list)
    #: When each arrived, in seconds from the start.
    arrivals: list[float] = field(default_factory=list)
    lost: int = 0


class Watch(threading.Thread):
    """Looks every half second at the memory of the functions and at the database's connections."""

    def __init__(self, platform: Platform) -> None:
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
        """Look until stopped."""
        while not self._stopping.wait(0.5):
            processes = self._emulator.children(recursive=True)
            sizes = [resident_mb(process) for process in processes]
            # The union of two counters has the larger count of each.
            self.backends |= collections.Counter(filter(None, map(backend_of, processes)))
            self.processes = max(self.processes, len(sizes))
            self.largest_mb = max([self.largest_mb, *sizes])
            with self._database.cursor() as cursor:
                # Of the functions' own user, which sees nobody else's; two are the benchmark's.
                cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST")
                self.most_connections = max(self.most_connections, cursor.fetchone()[0] - 2)

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join()
        self._database.close()


def resident_mb(process: psutil.Process) -> float:
    """Return a process's memory; nothing when it has ended meanwhile."""
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def backend_of(process: psutil.Process) -> str | None:
    """Return the backend function that a process of the emulator runs, None for another."""
    try:
        match = BACKEND.search(" ".join(process.cmdline()))
    except psutil.Error:
        return None
    return match[1] if match else None


def connect(platform: Platform) -> Any:
    """Return a connection as the functions' own user."""
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


def drive(platform: Platform, count: int, at_a_time: int) -> Traffic:
    """Send `count` leads, a new one for each that arrived, and note when their last rows are there.

    A lead that does not arrive within a minute and a half counts as lost here.
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
                    raise RuntimeError(f"the bus refused a lead: {outcome.reason}")
        there = arrived(database, list(waiting))
        now = time.perf_counter()
        for rut in there:
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
    """Return those of some leads whose last row is there."""
    with database.cursor() as cursor:
        cursor.execute("SELECT rut FROM BENEFIT WHERE rut IN %s", (ruts,))
        return [rut for (rut,) in cursor.fetchall()]


def state_seconds(platform: Platform) -> dict[str, float]:
    """Return the mean seconds in each state, and between them, of the newest executions."""
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
    """Drive the steps, from one lead at a time to fifty."""
    steps: dict[str, Any] = {}
    with applied(backend_concurrency=str(RESERVED)) as platform:
        # Cold starts are another part's.
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
    """Drive as many leads as `LEADS` says, and compare the first thousand with all."""
    count = int(os.environ.get(LONG_VARIABLE) or LONG)
    if count < 2 * SHORT:
        raise ValueError(f"{LONG_VARIABLE} is {count}; give {2 * SHORT} or more")
    with applied(backend_concurrency=str(RESERVED)) as platform:
        drive(platform, 20, 5)
        traffic = drive(platform, count, LONG_AT_A_TIME)
    return {"lost": traffic.lost, "growth": growth(traffic.arrivals)}


def growth(arrivals: list[float]) -> dict[str, float]:
    """Return the seconds for a lead among the first, among all, and among the last."""
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
    head = ["at a time", "leads", "lost", "leads a second", "p50", "p95", "p99"]
    names = list(next(iter(steps.values()))["states"])
    share_rows = [[at_a_time, *shares(step["states"], names)] for at_a_time, step in steps.items()]
    limit = data["reserved"] * BACKEND_FUNCTIONS
    counts = ", ".join(f"{count} of `{name}`" for name, count in data["backends"].items())
    met = verdict(data["connections"] <= limit)
    facts = FACTS.format(**data, counts=counts, limit=limit, verdict=met)
    parts = [ABOUT, table(head, rows), table(["at a time, share of", *names], share_rows), facts]
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
    head = ["leads", "to the first", "seconds for a lead"]
    return "\n\n".join([ABOUT_LONG.format(met=met, lost=data["lost"]), table(head, rows)])


def shares(states: dict[str, float], names: list[str]) -> list[str]:
    """Return each state's share of an execution."""
    total = sum(states.values())
    return [f"{states.get(name, 0) / total:.0%}" for name in names]


ABOUT = """\
Leads enter the bus of the local environment, a new one for each whose last row is there, so that
always as many are on their way as the first column says. Latency is from PutEvents to that row.
Most of the time is the emulator's bus, state machine and gateway, on the same processors as the
functions: the figures say how the platform behaves under pressure, not how fast AWS is. With more
leads on their way than reserved executions, requests are refused and the state machine repeats
them, which is most of the latency at fifty; none may be lost."""
FACTS = """\
Database connections of the functions: at most {connections}; the three backend functions have
{reserved} reserved executions each (a variable of this run, the local environment sets no limit),
{limit} in all: {verdict}. Each process of a function keeps one connection, and there were at most
{counts} at a time. Processes below the emulator: at most {processes}, the largest with
{largest_mb:.0f} MB."""
ABOUT_LONG = """\
Ten at a time, `LEADS=3000` behind the command for fewer: what a lead costs must not grow with how
many came before it. Aim: within 15 %, {met}. Lost: {lost}."""
