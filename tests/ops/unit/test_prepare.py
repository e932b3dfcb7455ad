"""Setup finds what exists, installs what is missing, and explains the rest."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ops.cli.main import main
from ops.local import prepare
from ops.local.prepare import SetupError


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


def debian_python(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Python on the PATH that makes environments only after its package is installed."""
    python = program(
        path,
        "python3",
        f'case "$2" in *ensurepip*) [ -e {path}/installed ];; *) echo 3.11;; esac',
    )
    monkeypatch.setattr(sys, "executable", str(python))
    program(
        path, "apt-get", f"case \"$*\" in *python3.11-venv) printf '' > {path}/installed;; esac"
    )
    return python


def test_a_python_without_its_venv_module_gets_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = debian_python(path, monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert prepare.find_python() == str(python)


def test_a_python_without_its_venv_module_is_told_with_the_command(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian_python(path, monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SetupError, match=r"Type: sudo apt-get install .*python3\.11-venv$"):
        prepare.find_python()


def test_a_python_that_is_whole_is_taken_before_one_that_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian_python(path, monkeypatch)
    whole = program(path, "python3.12", "echo 3.12")

    assert prepare.find_python() == str(whole)


def test_no_python_at_all_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(program(path, "python3", "echo 3.10")))

    with pytest.raises(SetupError, match=r"No Python 3\.11 to 3\.13"):
        prepare.find_python()


def test_mariadb_that_is_there_is_left_alone(path: Path) -> None:
    for name in prepare.MARIADB_PROGRAMS:
        program(path, name, "")

    assert prepare.prepare_mariadb() is False


def test_without_the_right_to_install_mariadb_the_command_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", "exit 0")
    program(path, "sudo", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SetupError, match=r"Type: sudo apt-get install .*mariadb-server-core"):
        prepare.prepare_mariadb()


@pytest.mark.usefixtures("path")
def test_on_a_system_of_another_kind_no_command_of_debian_is_told() -> None:
    with pytest.raises(SetupError, match="Install MariaDB's server") as caught:
        prepare.prepare_mariadb()

    assert "apt-get" not in str(caught.value)


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_a_browser_that_is_there_is_taken(path: Path, name: str) -> None:
    browser = program(path, name, "")

    assert prepare.prepare_chromium() is False
    assert prepare.find_chromium() == str(browser)


def test_without_the_right_to_install_a_browser_the_command_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", "exit 0")
    program(path, "sudo", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(prepare, "CHROMIUM_PROGRAMS", ("chromium",))

    with pytest.raises(SetupError, match=r"are tested, is missing .*install .* chromium "):
        prepare.prepare_chromium()


def test_a_package_that_brings_no_browser_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(prepare, "CHROMIUM_PROGRAMS", ("chromium",))

    with pytest.raises(SetupError, match="after it was installed"):
        prepare.prepare_chromium()


def test_sox_that_is_there_is_taken(path: Path) -> None:
    program(path, "sox", "")

    assert prepare.prepare_sox() is False


def test_without_the_right_to_install_sox_the_command_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", "exit 0")
    program(path, "sudo", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(SetupError, match=r"recordings are tested, is missing .*install .* sox"):
        prepare.prepare_sox()


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
        "shift 2\n"  # how long to wait for the lock
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
def test_our_own_configuration_is_not_taken_for_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "STATE_FOLDER", tmp_path)
    monkeypatch.setattr(prepare, "check_terraform", lambda: None)
    monkeypatch.setattr(prepare, "find_mirror", lambda _: None)
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(prepare.own_configuration()))
    prepare.own_configuration().write_text("of an older mirror")

    assert prepare.prepare_terraform() is True
    assert "plugin_cache_dir" in prepare.own_configuration().read_text()


@pytest.mark.usefixtures("path")
def test_a_named_configuration_that_does_not_exist_is_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing.rc"))
    monkeypatch.setattr(prepare, "STATE_FOLDER", tmp_path)

    assert prepare.terraform_cli_config() is None


class Commands:
    """Plays Python's venv and pip: notes the commands, makes the folder that they would make."""

    def __init__(self, installed: str = "") -> None:
        self.seen: list[str] = []
        self._installed = installed

    def __call__(self, command: list[str], _: str) -> str:
        if command[2] == "venv":
            self.seen.append("venv")
            folder = Path(command[3])
            assert not folder.exists(), "what was there is cleared away first"
            make_python(folder)
            return ""
        assert Path(command[0]).exists(), "pip is the environment's own"
        words = [word for word in command[3:] if not word.startswith("--")]
        self.seen.append(" ".join(words))
        return self._installed if words == ["list"] else ""


def make_python(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    played = Commands()
    monkeypatch.setattr(prepare, "_run", played)
    return played


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "ops.txt"
    file.write_text("library==1.0 --hash=sha256:0\n")
    return file


def test_an_environment_is_made_once_and_filled_again_when_the_lock_changes(
    tmp_path: Path, lock: Path, commands: Commands
) -> None:
    folder = tmp_path / "venv"

    assert prepare.prepare_venv(folder, lock) is True
    assert commands.seen == ["venv", f"install -r {lock}", "list"]
    assert prepare.prepare_venv(folder, lock) is False
    assert len(commands.seen) == 3
    lock.write_text("library==2.0 --hash=sha256:1\n")
    assert prepare.prepare_venv(folder, lock) is True
    assert commands.seen[3:] == [f"install -r {lock}", "list"]


def test_a_library_that_the_lock_names_no_more_is_removed(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.write_text("kept-library==1.0 --hash=sha256:0\n")
    commands = Commands("pip==24.0\nsetuptools==65.5\nKept_Library==1.0\nGone==3.1\n")
    monkeypatch.setattr(prepare, "_run", commands)

    prepare.prepare_venv(tmp_path / "venv", lock)

    assert commands.seen[-1] == "uninstall gone"


def test_an_environment_whose_python_is_gone_is_made_again(
    tmp_path: Path, lock: Path, commands: Commands
) -> None:
    folder = tmp_path / "venv"
    prepare.prepare_venv(folder, lock)
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "gone")

    assert prepare.prepare_venv(folder, lock) is True
    assert commands.seen[3] == "venv"


def test_an_environment_of_another_version_of_python_is_made_again(
    tmp_path: Path, lock: Path, commands: Commands
) -> None:
    folder = tmp_path / "venv"
    prepare.prepare_venv(folder, lock)
    (folder / "bin" / "python").unlink()
    program(folder / "bin", "python", "echo 3.99")

    assert prepare.prepare_venv(folder, lock) is True
    assert commands.seen[3] == "venv"


def test_an_environment_that_was_moved_is_made_again(
    tmp_path: Path, lock: Path, commands: Commands
) -> None:
    prepare.prepare_venv(tmp_path / "here", lock)
    (tmp_path / "here").rename(tmp_path / "there")

    assert prepare.prepare_venv(tmp_path / "there", lock) is True
    assert commands.seen[3] == "venv"


def test_an_environment_that_was_half_made_is_made_again(
    tmp_path: Path, lock: Path, commands: Commands
) -> None:
    # Its Python runs already, its pip is not there yet.
    make_python(tmp_path / "venv")

    assert prepare.prepare_venv(tmp_path / "venv", lock) is True
    assert commands.seen[0] == "venv"


def test_an_interrupted_installation_is_done_again(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "venv"
    commands = Commands()

    def run(command: list[str], action: str) -> str:
        if "install" in command:
            raise SetupError("the line went dead")
        return commands(command, action)

    monkeypatch.setattr(prepare, "_run", run)
    with pytest.raises(SetupError, match="went dead"):
        prepare.prepare_venv(folder, lock)
    monkeypatch.setattr(prepare, "_run", commands)

    assert prepare.prepare_venv(folder, lock) is True
    assert commands.seen == ["venv", f"install -r {lock}", "list"]


def test_every_failure_is_told_when_all_have_ended(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> bool:
        raise SetupError("broken")

    def fail_too() -> bool:
        raise SetupError("missing")

    with pytest.raises(SetupError) as caught:
        prepare.run_all(
            {"bad": fail, "worse": fail_too, "good": lambda: True, "idle": lambda: False}
        )

    assert sorted(str(caught.value).splitlines()) == ["broken", "missing"]

    told = capsys.readouterr()
    assert "✓ good" in told.err
    assert "idle" not in told.err
    # The output of the following command may be for another program.
    assert told.out == ""


def test_the_launcher_starts_the_command_line_from_everywhere(tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    (folder / "bin").mkdir(parents=True)
    program(folder / "bin", "python", f'exec {sys.executable} "$@"')

    assert prepare.write_launcher(folder)
    assert not prepare.write_launcher(folder)
    result = subprocess.run(
        [str(folder / "bin" / "flowbridge"), "redrive", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert "Usage: flowbridge redrive" in result.stdout
    assert "--dry-run" in result.stdout


def test_the_launcher_is_the_script_that_the_project_declares() -> None:
    project = tomllib.loads((prepare.REPOSITORY / "pyproject.toml").read_text())["project"]

    assert project["scripts"] == {"flowbridge": f"{main.__module__}:{main.__name__}"}
    assert "import main\n" in (prepare.REPOSITORY / "ops" / "__main__.py").read_text()


def test_the_engines_of_active_flows_are_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = tmp_path / "terraform" / "flows"
    for flow, engines in {"first": "sql\nspeech\n", "second": "sql\n", "third": "other\n"}.items():
        (flows / flow).mkdir(parents=True)
        (flows / flow / prepare.ENGINES_FILE).write_text(engines)
    variables = "flows = {\n  first = {\n    third = {}\n  }\n\n  second = {}\n}\n\nthird = {}\n"

    active = prepare.active_flows(variables)

    assert active == ["first", "second"]
    assert [prepare.engines_of(flow, flows) for flow in active] == [{"sql", "speech"}, {"sql"}]
    assert prepare.engines_of("fourth", flows) == set()


def test_a_shown_flow_sets_up_its_own_engines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = {"first": {"sql"}, "second": {"speech"}}
    monkeypatch.setattr(prepare, "engines_of", engines.__getitem__)
    monkeypatch.setattr(prepare, "active_flows", lambda _: list(engines))

    assert {name for name in prepare.steps("ops") if "Engine" in name} == {
        "Engine sql",
        "Engine speech",
    }
    assert {name for name in prepare.steps("ops", "first") if "Engine" in name} == {"Engine sql"}


def test_an_engine_is_installed_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(folder: Path, lock: Path) -> bool:
        assert lock.name == "sql.txt"
        made = folder.exists()
        folder.mkdir(exist_ok=True)
        (folder / "library").write_bytes(bytes(2_600_000))
        return not made

    monkeypatch.setattr(prepare, "ENGINES", tmp_path)
    monkeypatch.setattr(prepare, "prepare_venv", install)

    assert [prepare.prepare_engine("sql") for _ in range(2)] == ["3 MB", ""]


def test_an_engine_that_does_not_exist_is_named() -> None:
    with pytest.raises(SetupError, match="There is no engine 'no_engine'"):
        prepare.prepare_engine("no_engine")


def test_the_size_of_what_was_set_up_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    prepare.run_all({"Engine sql": lambda: "90 MB", "MariaDB": lambda: True, "Rest": lambda: ""})

    said = capsys.readouterr().err
    assert "✓ Engine sql (90 MB, " in said
    assert "Rest" not in said
