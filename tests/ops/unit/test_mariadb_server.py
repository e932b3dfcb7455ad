"""A private MariaDB server keeps to its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.local.mariadb_server import MariaDBServer


def test_a_server_that_is_made_leaves_the_temporary_tables_of_another_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    table = tmp_path / "#sql-temptable-1-1-1.MAI"
    table.touch()

    MariaDBServer(tmp_path / "server", port=0).prepare([])

    assert table.exists()
