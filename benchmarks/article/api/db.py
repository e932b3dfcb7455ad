"""The database: one connection per invocation, which is never closed."""

import os
from typing import Any

import pymysql


def connect() -> Any:
    """Open a connection."""
    return pymysql.connect(
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        user=os.environ["DATABASE_USER"],
        password=os.environ["DATABASE_PASSWORD"],
        database=os.environ["DATABASE_NAME"],
    )


def create_record(connection: Any, statement: str, data: tuple[Any, ...]) -> dict[str, Any]:
    """Insert one row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, data)
    connection.commit()
    return {"success": True, "message": "the record was created"}
