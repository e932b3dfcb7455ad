"""A private MariaDB server keeps to its folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ops.local.mariadb_server import MariaDBServer
from tests.support.platform import wait_for


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
    assert not list(server.folder.glob("data.part*"))


PREPARE = """
import sys
from pathlib import Path
from ops.local.mariadb_server import MariaDBServer
MariaDBServer(Path(sys.argv[1]), port=0).prepare([])
"""


def test_an_installation_is_repeated_while_the_interrupted_one_still_writes(
    tmp_path: Path,
) -> None:
    server = MariaDBServer(tmp_path / "server", port=0)
    for _ in range(3):
        interrupted = subprocess.Popen([sys.executable, "-c", PREPARE, str(server.folder)])
        wait_for(lambda: list(server.folder.glob("data.part.*/data/mysql/*")), "a first table", 20)
        # It alone: the programs that it started go on writing.
        interrupted.kill()
        interrupted.wait()

    server.prepare([])

    tables = {file.name for file in (server.folder / "data" / "mysql").iterdir()}
    assert {"proxies_priv.MAI", "proc.frm", "global_priv.MAD"} <= tables
