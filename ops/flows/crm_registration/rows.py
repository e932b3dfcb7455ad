"""Read the rows of the CRM database, which only the local environment can reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymysql
import pymysql.cursors

from ops.errors import OperationError

ANSWER_SECONDS = 30
#: The columns that no two rows of a table share.
KEYS = {"CLIENTS": ("rut",), "PARTNERS": ("rut", "store"), "BENEFIT": ("rut",)}
TABLES = tuple(KEYS)
Row = dict[str, Any]


class CrmDatabase:
    """The database with the rights of the functions' user.

    Parameters
    ----------
    location
        The root module's output ``database``: host, port, name, secret_arn.
    secrets_client
        A boto3 ``secretsmanager`` client.

    Raises
    ------
    OperationError
        When the database does not answer in time or refuses; its methods raise it, too.
    """

    def __init__(self, location: Mapping[str, Any], secrets_client: Any) -> None:
        secret = secrets_client.get_secret_value(SecretId=location["secret_arn"])
        credentials = json.loads(secret["SecretString"])
        self._address = f"{location['host']}:{location['port']}"
        with self._answering():
            self._connection = pymysql.connect(
                host=location["host"],
                port=int(location["port"]),
                database=location["name"],
                user=credentials["username"],
                password=credentials["password"],
                # A server that hangs still accepts connections.
                read_timeout=ANSWER_SECONDS,
                write_timeout=ANSWER_SECONDS,
                autocommit=True,
                cursorclass=pymysql.cursors.DictCursor,
            )

    def rows(self, rut: str) -> dict[str, list[Row]]:
        """Return the rows of one person, by table."""
        return {table: self._select(table, rut) for table in TABLES}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _select(self, table: str, rut: str) -> list[Row]:
        with self._answering(), self._connection.cursor() as cursor:
            # The table's name is one of TABLES, never input.
            cursor.execute(f"SELECT * FROM {table} WHERE rut = %s ORDER BY id", (rut,))  # noqa: S608
            return list(cursor.fetchall())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except pymysql.MySQLError as error:
            raise OperationError(
                f"The CRM database on {self._address} did not answer: {error.args[-1]}.",
                "Type 'make status' to see what runs. 'make up' restarts a database that hangs.",
            ) from error
