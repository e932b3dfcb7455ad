"""Leads that flow through the platform while something is broken, and what became of each."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
import pymysql
import pymysql.cursors

from ops.local.environment import ADMIN_SECRET
from ops.reconcile import Fate, Reconciliation, Report
from ops.rows import CrmDatabase
from tests.support.fault_proxy import FaultProxy
from tests.support.platform import Platform, wait_for

#: Which function of a flow talks through which proxy.
CALLERS = ("CreateClient", "CreatePartner", "CreateBenefit")
WRITERS = ("create_client", "create_partner", "create_benefit")
#: Shorter than a function's own 10 s, so that being slow is a fault of seconds.
READ_SECONDS = 4
#: How long the leads of a stream are apart.
PAUSE = 0.25
#: How often redriving may be needed: whatever is still broken after the first is a defect.
ROUNDS = 3


@dataclass
class Stream:
    """Leads of persons that nobody else has, sent one after another.

    Parameters
    ----------
    platform
        Where they go.
    first
        The number of the first person's RUT.
    """

    platform: Platform
    first: int
    leads: list[dict[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    since: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def new_lead(self) -> dict[str, Any]:
        """Return the next lead, not sent yet."""
        number = self.first + len(self.leads)
        lead = {
            "name": "Fault",
            "lastname": f"Number {number}",
            "rut": f"{number}-K",
            "phone": f"+569{number}",
            "mail": f"fault{number}@example.com",
            "store": "est_fault",
            "wantsBenefit": number % 2 == 0,
        }
        self.leads.append(lead)
        return lead

    def send(self, count: int = 1, times: int = 1) -> list[str]:
        """Put so many new leads onto the bus at once, each so many times."""
        leads = [lead for lead in [self.new_lead() for _ in range(count)] for _ in range(times)]
        events = self.platform.publish(*leads)
        self.events += events
        return events

    @contextmanager
    def flowing(self, count: int) -> Iterator[None]:
        """Send leads one after another while the block runs; all are sent at its end."""

        def flow() -> None:
            for _ in range(count):
                self.send()
                time.sleep(PAUSE)

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def ended(self) -> Report:
        """Wait until nothing is on its way, and return what became of all that was accepted."""
        client = self.platform.aws.client("stepfunctions")
        machine = self.platform.flow.state_machine_arn

        def is_still() -> bool:
            running = client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
            return not running["executions"]

        wait_for(is_still, "the end of all executions", 180)
        return self.report()

    def report(self) -> Report:
        """Return what became of all that the bus accepted since this stream began."""

        def keys() -> Any:
            secrets = self.platform.aws.client("secretsmanager")
            with closing(CrmDatabase(self.platform.outputs["database"], secrets)) as database:
                return database.keys()

        reconciliation = Reconciliation(
            self.platform.aws.client, self.platform.flow, self.platform.outputs["event_audit"], keys
        )
        return reconciliation.report(self.since, time.sleep)

    def waiting(self, report: Report) -> list[str]:
        """Return why leads of this stream wait."""
        return [
            f"{verdict.place}: {verdict.reason}"
            for verdict in report.verdicts
            if verdict.fate is Fate.WAITING and verdict.event.origin in self.events
        ]

    def settle(self) -> Counter[str]:
        """Send again what waits, until nothing does; then every lead must be there exactly once.

        Returns why leads waited.
        """
        reasons: Counter[str] = Counter()
        report = self.ended()
        for _ in range(ROUNDS):
            if not (waiting := self.waiting(report)):
                break
            reasons.update(waiting)
            run = self.platform.make("redrive", "ALL=yes", "RATE=50")
            assert run.code == 0, run.text
            report = self.ended()
        self.check(report)
        return reasons

    def check(self, report: Report) -> None:
        """Fail unless every lead is one row in each table, with its own data."""
        assert self.waiting(report) == []
        assert report.is_whole, report.summary
        assert report.counts[Fate.IN_FLIGHT] == 0, report.summary
        known = {verdict.event.id for verdict in report.verdicts}
        assert set(self.events) <= known, "the audit log lacks an event that the bus accepted"
        wrong = {}
        for lead in self.leads:
            rows = self.platform.rows(lead["rut"])
            found = {
                table: [{k: v for k, v in row.items() if k in columns} for row in rows[table]]
                for table, columns in COLUMNS.items()
            }
            if found != expected_rows(lead):
                wrong[lead["rut"]] = found
        assert not wrong, json.dumps(wrong, default=str)


COLUMNS = {
    "CLIENTS": ("name", "lastname", "rut", "phone", "mail"),
    "PARTNERS": ("rut", "store"),
    "BENEFIT": ("rut", "wantsBenefit"),
}


def expected_rows(lead: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what a lead must have become."""
    written = {**lead, "wantsBenefit": int(lead["wantsBenefit"])}
    return {table: [{c: written[c] for c in columns}] for table, columns in COLUMNS.items()}


@dataclass
class Faulty:
    """The platform with a proxy between step functions and API, and one before the database."""

    platform: Platform
    api: FaultProxy
    database: FaultProxy
    _streams: int = 0

    def stream(self) -> Stream:
        """Return a new stream of leads."""
        self._streams += 1
        # No other test's leads have such numbers, and no two streams of one day.
        first = 70_000_000 + int(time.time()) % 86_400 * 200 + self._streams * 100
        return Stream(self.platform, first)

    @classmethod
    @contextmanager
    def of(cls, platform: Platform) -> Iterator[Faulty]:
        """Lead the functions' connections through proxies, and back afterwards."""
        url = platform.outputs["api_urls"]["crm_registration"]
        emulator = str(platform.settings.ports.emulator)
        api = FaultProxy(platform.settings.ports.emulator)
        database = FaultProxy(platform.settings.ports.database)
        callers = {
            "CRM_API_URL": url.replace(f":{emulator}/", f":{api.port}/"),
            "CRM_READ_TIMEOUT": str(READ_SECONDS),
        }
        assert callers["CRM_API_URL"] != url
        variables = {
            **dict.fromkeys(CALLERS, callers),
            **{key: {"DATABASE_PORT": str(database.port)} for key in WRITERS},
        }
        try:
            with platform.configured(variables):
                yield cls(platform, api, database)
        finally:
            api.close()
            database.close()

    def workers(self, *keys: str) -> list[psutil.Process]:
        """Return the processes that run functions, by state or endpoint."""
        names = {self.platform.function(key) for key in keys}
        emulator = int((self.platform.settings.folder / "emulator.pid").read_text())
        found = []
        for process in psutil.Process(emulator).children(recursive=True):
            try:
                if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") in names:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def connect(self, administrator: bool = False) -> pymysql.Connection[Any]:
        """Return a connection of the functions' user, or of the administrator, past the proxy."""
        location = self.platform.outputs["database"]
        secret = ADMIN_SECRET if administrator else location["secret_arn"]
        answer = self.platform.aws.client("secretsmanager").get_secret_value(SecretId=secret)
        credentials = json.loads(answer["SecretString"])
        return pymysql.connect(
            host=location["host"],
            port=int(location["port"]),
            database=location["name"],
            user=credentials["username"],
            password=credentials["password"],
        )

    @contextmanager
    def blocked_insert(self, rut: str) -> Iterator[pymysql.cursors.Cursor]:
        """Have an INSERT of this person's client, and its neighbours', wait in its middle.

        Its row is written by then, and the place of its key is another transaction's, whose
        cursor is yielded.
        """
        with closing(self.connect(administrator=True)) as other, other.cursor() as cursor:
            cursor.execute("SELECT rut FROM CLIENTS WHERE rut = %s FOR UPDATE", [rut])
            yield cursor

    def is_inserting(self) -> bool:
        """Tell whether the database works on an INSERT of a function."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW FULL PROCESSLIST")
            return any(str(row[7]).startswith("INSERT") for row in cursor.fetchall())
