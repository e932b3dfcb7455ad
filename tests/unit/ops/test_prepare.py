"""Setup: finds what is there, makes what is missing, says how to mend the rest."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from ops import prepare
from ops.prepare import SetupError


def program(folder: Path, name: str, script: str) -> Path:
    """Put a program on a PATH of the test's own."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but the shell's own tools on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(prepare, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    monkeypatch.delenv("TF_PLUGIN_MIRROR", raising=False)
    return folder


@pytest.mark.usefixtures("path")
def test_a_missing_terraform_is_named_with_its_mend() -> None:
    with pytest.raises(SetupError, match=r"not on the PATH\. Install version 1\.11"):
        prepare.check_terraform()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("Terraform v1.5.7", r"Terraform 1\.5\.7 is too old"),
        ("Terraform v0.13.0", "too old"),
        ("no such thing", "gives no version"),
    ],
)
def test_a_wrong_terraform_is_named(path: Path, output: str, message: str) -> None:
    program(path, "terraform", f"echo '{output}'")

    with pytest.raises(SetupError, match=message):
        prepare.check_terraform()


@pytest.mark.parametrize("version", ["1.11.0", "1.14.2", "2.0.1"])
def test_a_new_enough_terraform_is_taken(path: Path, version: str) -> None:
    program(path, "terraform", f"echo 'Terraform v{version}'")

    prepare.check_terraform()


def test_a_launcher_that_does_not_run_is_no_python(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "python3.13", "exit 127")
    monkeypatch.setattr(sys, "executable", str(program(path, "old", "echo 3.9")))
    good = program(path, "python3.12", "echo 3.12")

    assert prepare.find_python() == str(good)


def test_no_python_at_all_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(program(path, "python3", "echo 3.10")))

    with pytest.raises(SetupError, match=r"No Python 3\.11 to 3\.13"):
        prepare.find_python()


def test_mariadb_that_is_there_is_left_alone(path: Path) -> None:
    for name in prepare.MARIADB_PROGRAMS:
        program(path, name, "")

    assert prepare.prepare_mariadb() is False


@pytest.mark.usefixtures("path")
def test_without_the_right_to_install_mariadb_the_command_is_told() -> None:
    with pytest.raises(SetupError, match=r"Type: sudo apt-get install .*mariadb-server-core"):
        prepare.prepare_mariadb()


def test_mariadb_is_installed_after_new_package_lists_when_the_old_ones_do_not_do(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    lists = tmp_path / "lists"
    programs = "; ".join(
        f"printf '' > {path}/{name}; /bin/chmod +x {path}/{name}"
        for name in prepare.MARIADB_PROGRAMS
    )
    program(
        path,
        "apt-get",
        f"if [ $1 = update ]; then printf '' > {lists}; exit 0; fi\n"
        f"[ -e {lists} ] || exit 100\n{programs}",
    )

    assert prepare.prepare_mariadb() is True


@pytest.mark.parametrize("packed", [True, False])
def test_a_provider_mirror_is_found_in_both_layouts(tmp_path: Path, packed: bool) -> None:
    version, target = prepare.locked_provider_version(), prepare.target_platform()
    provider = tmp_path / "mirror" / prepare.PROVIDER
    if packed:
        provider.mkdir(parents=True)
        (provider / f"terraform-provider-aws_{version}_{target}.zip").touch()
    else:
        (provider / version / target).mkdir(parents=True)

    found = prepare.find_mirror([tmp_path / "nowhere", tmp_path / "mirror"])

    assert found == tmp_path / "mirror"
    assert f'path    = "{tmp_path}/mirror"' in prepare.configuration_text(found)


def test_a_mirror_of_another_version_or_platform_is_none(tmp_path: Path) -> None:
    (tmp_path / prepare.PROVIDER / "1.0.0" / prepare.target_platform()).mkdir(parents=True)
    version = prepare.locked_provider_version()
    (tmp_path / prepare.PROVIDER / version / "plan9_mips").mkdir(parents=True)

    assert prepare.find_mirror([tmp_path]) is None
    assert "plugin_cache_dir" in prepare.configuration_text(None)


@pytest.mark.usefixtures("path")
def test_the_users_own_configuration_of_terraform_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "mine.rc"
    own.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))

    assert prepare.terraform_cli_config() == own


@pytest.mark.usefixtures("path")
def test_a_named_configuration_that_does_not_exist_is_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing.rc"))
    monkeypatch.setattr(prepare, "STATE_FOLDER", tmp_path)

    assert prepare.terraform_cli_config() is None


def test_an_environment_is_made_once_and_again_when_the_lock_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], *_: object) -> None:
        calls.append(command)
        if command[1:3] == ["-m", "venv"]:
            folder = Path(command[3]) / "bin"
            folder.mkdir(parents=True)
            (folder / "python").symlink_to(sys.executable)

    monkeypatch.setattr(prepare, "_run", run)
    lock, folder = tmp_path / "lock.txt", tmp_path / "venv"
    lock.write_text("one")

    assert prepare.prepare_venv(folder, [lock]) is True
    assert prepare.prepare_venv(folder, [lock]) is False
    lock.write_text("two")
    assert prepare.prepare_venv(folder, [lock]) is True
    assert [command[2] for command in calls] == ["venv", "pip", "pip"]
    assert all("--require-hashes" in command for command in calls if command[2] == "pip")


def test_a_broken_environment_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], *_: object) -> None:
        # The broken one was cleared away before a new one is made in its place.
        assert command[2] == "pip" or not folder.exists()
        folder.mkdir(exist_ok=True)

    monkeypatch.setattr(prepare, "_run", run)
    lock, folder = tmp_path / "lock.txt", tmp_path / "venv"
    lock.write_text("one")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(tmp_path / "gone")
    (folder / "locked").write_text(prepare._digest([lock]))

    assert prepare.prepare_venv(folder, [lock]) is True


def test_every_failure_is_told_when_all_have_ended(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> bool:
        raise SetupError("broken")

    with pytest.raises(SetupError, match="broken"):
        prepare.run_all({"bad": fail, "good": lambda: True, "idle": lambda: False})

    output = capsys.readouterr().out
    assert "✓ good" in output
    assert "idle" not in output
