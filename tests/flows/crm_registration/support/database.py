"""The CRM's database as tests see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowbridge.database import Database, Location
from flowbridge.secret import Secret
from ops.local.database import Credentials
from tests.support.mariadb import MariaDB

TABLES = ("CLIENTS", "PARTNERS", "BENEFIT")


@dataclass(frozen=True)
class CrmDatabase:
    """A database on a server, and the user that the functions have there."""

    server: MariaDB
    user: Credentials

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(self.server.host, self.server.port, self.server.name)

    def open(self, **options: int) -> Database:
        """Return it as a function opens it."""
        return Database(self.location, secret_of(self.user), **options)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows without what the database itself adds."""
        rows = self.server.execute(f"SELECT * FROM {table} ORDER BY id")
        return [{k: v for k, v in row.items() if k not in ("id", "created_at")} for row in rows]


def secret_of(credentials: Credentials) -> Secret:
    """Return a secret that holds credentials and needs no AWS."""
    text = json.dumps({"username": credentials.username, "password": credentials.password})
    return Secret("credentials", read=lambda _: text)
