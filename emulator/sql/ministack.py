"""The Glue catalog and the objects of MiniStack, for the account of the current request."""

from __future__ import annotations

import json
from typing import Any

from emulator.sql.catalog import JsonObject
from emulator.sql.errors import QueryFailed


class GlueCatalog:
    """The Glue catalog of MiniStack."""

    def database(self, name: str) -> JsonObject | None:
        """Return a database."""
        found: JsonObject | None = _glue()._databases.get(name)
        return found

    def databases(self) -> list[str]:
        """Return the names of the databases."""
        return sorted(_glue()._databases)

    def table(self, database: str, name: str) -> JsonObject | None:
        """Return a table."""
        found: JsonObject | None = _glue()._tables.get(f"{database}/{name}")
        return found

    def tables(self, database: str) -> list[str]:
        """Return the names of a database's tables."""
        prefix = f"{database}/"
        return sorted(key.removeprefix(prefix) for key in _glue()._tables if key.startswith(prefix))

    def partitions(self, database: str, name: str) -> list[JsonObject]:
        """Return a table's partitions."""
        return list(_glue()._partitions.get(f"{database}/{name}", []))

    def create_table(self, database: str, table: JsonObject) -> None:
        """Create a table."""
        _checked(_glue()._create_table({"DatabaseName": database, "TableInput": table}))

    def update_table(self, database: str, table: JsonObject) -> None:
        """Change a table."""
        _checked(_glue()._update_table({"DatabaseName": database, "TableInput": table}))

    def add_partitions(self, database: str, name: str, partitions: list[JsonObject]) -> None:
        """Add partitions to a table, but those that it has."""
        if not partitions:
            return
        known = _glue()._partitions.setdefault(f"{database}/{name}", [])
        values = {tuple(one["Values"]) for one in known}
        new = [one for one in partitions if tuple(one["Values"]) not in values]
        place = {"DatabaseName": database, "TableName": name}
        known.extend({**one, **place} for one in new)

    def remove_partitions(self, database: str, name: str, values: list[list[str]]) -> None:
        """Remove partitions of a table."""
        kept = [one for one in self.partitions(database, name) if one["Values"] not in values]
        _glue()._partitions[f"{database}/{name}"] = kept


class S3Store:
    """The objects of MiniStack."""

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Return the sizes of the objects below a prefix, by key."""
        found = _s3()._buckets.get(bucket)
        if found is None:
            raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: The bucket {bucket} does not exist")
        return {
            key: int(one["size"])
            for key, one in list(found["objects"].items())
            if key.startswith(prefix)
        }

    def read(self, bucket: str, key: str) -> bytes:
        """Return an object's content."""
        return _s3()._get_object_data(bucket, key) or b""

    def put(
        self, bucket: str, key: str, content: bytes, kind: str = "application/octet-stream"
    ) -> None:
        """Write an object.

        Raises
        ------
        QueryFailed
            When S3 does not take it.
        """
        headers = {"content-type": kind, "content-length": str(len(content))}
        status, _, body = _s3()._put_object(bucket, key, content, headers)[:3]
        if status >= 300:
            raise QueryFailed(f"HIVE_WRITER_CLOSE_ERROR: {body.decode(errors='replace')[:300]}")


def _checked(answer: tuple[int, Any, bytes]) -> None:
    if answer[0] >= 300:
        raise QueryFailed(f"HIVE_METASTORE_ERROR: {json.loads(answer[2]).get('message', '')}")


def _glue() -> Any:
    from ministack.services import glue

    return glue


def _s3() -> Any:
    from ministack.services import s3

    return s3
