"""Leads that flow through the platform while something is broken."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pymysql.cursors

from ops.local.environment import ADMIN_SECRET
from tests.flows.crm_registration.support.registration import Registration
from tests.support.fault_proxy import FaultProxy
from tests.support.stream import Stream

#: Which function of a flow talks through which proxy.
CALLERS = ("CreateClient", "CreatePartner", "CreateBenefit")
WRITERS = ("create_client", "create_partner", "create_benefit")
#: Shorter than a function's own 10 s, so that being slow is a fault of seconds.
READ_SECONDS = 4


@dataclass
class Leads(Stream[dict[str, Any]]):
    """Leads of persons that no other test uses, sent one after another.

    Parameters
    ----------
    platform
        Where they go.
    first
        The number of the first person's RUT.
    """

    platform: Registration
    first: int = 0

    def new(self) -> dict[str, Any]:
        """Return the next lead, not sent yet."""
        number = self.first + len(self.items)
        lead = {
            "name": "Fault",
            "lastname": f"Number {number}",
            "rut": f"{number}-K",
            "phone": f"+569{number}",
            "mail": f"fault{number}@example.com",
            "store": "est_fault",
            "wantsBenefit": number % 2 == 0,
        }
        self.items.append(lead)
        return lead

    def put(self, *items: dict[str, Any]) -> list[str]:
        """Put leads onto the bus."""
        return self.platform.publish(*items)

    def is_there_once(self, item: dict[str, Any]) -> bool:
        """Return whether a lead is one row in each table, with its own data."""
        rows = self.platform.rows(item["rut"])
        found = {
            table: [{k: v for k, v in row.items() if k in columns} for row in rows[table]]
            for table, columns in COLUMNS.items()
        }
        return found == expected_rows(item)


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

    platform: Registration
    api: FaultProxy
    database: FaultProxy
    _streams: int = 0

    def stream(self) -> Leads:
        """Return a new stream of leads."""
        self._streams += 1
        # No other test's leads have such numbers, and no two streams of one day.
        first = 70_000_000 + int(time.time()) % 86_400 * 200 + self._streams * 100
        return Leads(self.platform, first=first)

    @classmethod
    @contextmanager
    def of(cls, platform: Registration) -> Iterator[Faulty]:
        """Lead the functions' connections through proxies, and back afterwards."""
        url = platform.outputs["flows"]["crm_registration"]["apis"]["crm"]["url"]
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
                # A function runs in the folder of its package: functions/<name>/<digest>.
                if names & {*Path(process.cwd()).parts}:
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
        """Return whether the database works on an INSERT of a function."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW FULL PROCESSLIST")
            return any(str(row[7]).startswith("INSERT") for row in cursor.fetchall())
