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


def test_a_folder_may_have_spaces(tmp_path: Path) -> None:
    server = MariaDBServer(tmp_path / "a folder" / "of mine", port=0)

    server.prepare([])
    server.prepare([])

    assert (server.folder / "data" / "mysql").is_dir()
    assert not (server.folder / "data.part").exists()


def test_an_interrupted_installation_is_repeated(tmp_path: Path) -> None:
    server = MariaDBServer(tmp_path / "server", port=0)
    (server.folder / "data.part" / "mysql").mkdir(parents=True)

    server.prepare([])

    assert any((server.folder / "data" / "mysql").iterdir())
