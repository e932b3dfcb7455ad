"""Set up what the project needs on this computer; does nothing when nothing changed.

Run by the system's own Python before there is any environment, so it uses the standard library
only: ``python3 ops/prepare.py [ops|dev]``. It makes

- ``.venv``: the project's Python environment, from the lock file of the profile,
- ``.venv-emulator``: the emulator's, which is also the Python of the local Lambda functions,
- ``.venv-checkov``: the scanner's of Terraform files, for developers,
- MariaDB's programs, installed where they are missing and it may,
- Terraform's command-line configuration, when the provider lies in a mirror on this computer.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STATE_FOLDER = REPOSITORY / ".local"
LOCK_FILE = REPOSITORY / "terraform" / ".terraform.lock.hcl"

PYTHON_VERSIONS = ("3.11", "3.12", "3.13")
TERRAFORM_MINIMUM = (1, 11)
MARIADB_PROGRAMS = ("mariadbd", "mariadb-install-db")
#: The server and the scripts of its data folder, without the service that `mariadb-server` starts.
MARIADB_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
#: Debian keeps the server where only root's PATH looks.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")

PROVIDER = Path("registry.terraform.io") / "hashicorp" / "aws"
MIRROR_PREFIXES = ("/usr/share", "/usr/local/share", "/opt")
MIRROR_DEPTH = 2
FIRST_BEAT_SECONDS = 2.0
HEARTBEAT_SECONDS = 5.0


class SetupError(Exception):
    """Something is missing; the message says what, and how to mend it."""


# --- Python environments ---------------------------------------------------------------------


def prepare_venv(folder: Path, lock_files: list[Path]) -> bool:
    """Make a virtual environment hold what the lock files name; return whether work was done.

    A stamp with the digest of the lock files and of the interpreter is written last, so an
    interrupted installation is done again.
    """
    wanted = _digest(lock_files)
    stamp = folder / "locked"
    if stamp.exists() and stamp.read_text() == wanted and _runs(folder / "bin" / "python"):
        return False
    stamp.unlink(missing_ok=True)
    if not _runs(folder / "bin" / "python"):
        shutil.rmtree(folder, ignore_errors=True)
        _run([find_python(), "-m", "venv", str(folder)], "install Python's venv module")
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--require-hashes"]
    for file in lock_files:
        command += ["-r", str(file)]
    _run(command, "see that a Python package index can be reached (pip's own settings apply)")
    stamp.write_text(wanted)
    return True


def find_python() -> str:
    """Return an interpreter of a supported version that really runs.

    A name on the PATH is not enough: version managers leave launchers of versions that are not
    switched on.

    Raises
    ------
    SetupError
        When there is none.
    """
    names = [sys.executable, "python3", *(f"python{version}" for version in PYTHON_VERSIONS)]
    for name in names:
        found = shutil.which(name)
        if found and _python_version(found) in PYTHON_VERSIONS:
            return found
    raise SetupError(
        f"No Python {PYTHON_VERSIONS[0]} to {PYTHON_VERSIONS[-1]} was found. "
        f"Install one of them and put it on the PATH."
    )


def _python_version(program: str) -> str | None:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def _runs(program: Path) -> bool:
    if not program.exists():
        return False
    return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


# --- MariaDB ---------------------------------------------------------------------------------


def prepare_mariadb() -> bool:
    """Install MariaDB's programs when they are missing; return whether work was done.

    Raises
    ------
    SetupError
        When they are missing and this user may not install them, or the installation failed.
    """
    if not _missing_mariadb_programs():
        return False
    command = ["apt-get", "install", "-y", "--no-install-recommends", *MARIADB_PACKAGES]
    typed = f"sudo {' '.join(command)}"
    may = _rights_to_install()
    if may is None:
        raise SetupError(
            f"MariaDB is not installed and cannot be installed from here. Type: {typed}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(
        [*may, *command], env=environment, capture_output=True, check=False
    ).returncode:
        # The package lists may be missing or old.
        _run([*may, "apt-get", "update"], "see that the package lists can be reached")
        _run([*may, *command], f"type: {typed}", environment)
    if missing := _missing_mariadb_programs():
        raise SetupError(f"{', '.join(missing)} is missing after the installation. Type: {typed}")
    return True


def _missing_mariadb_programs() -> list[str]:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    return [name for name in MARIADB_PROGRAMS if shutil.which(name, path=path) is None]


def _rights_to_install() -> list[str] | None:
    """Return the words before a command that installs; None when this user may not."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)  # noqa: S607
    return ["sudo", "-n"] if asked.returncode == 0 else None


# --- Terraform -------------------------------------------------------------------------------


def prepare_terraform() -> bool:
    """Check Terraform, and write its configuration when a mirror holds the provider.

    Returns
    -------
    bool
        Whether the configuration was written anew.

    Raises
    ------
    SetupError
        When Terraform is missing or too old.
    """
    check_terraform()
    if _users_configuration() is not None:
        return False
    text = configuration_text(find_mirror(mirror_candidates()))
    file = STATE_FOLDER / "terraform.rc"
    if file.exists() and file.read_text() == text:
        return False
    STATE_FOLDER.mkdir(exist_ok=True, mode=0o700)
    plugin_cache().mkdir(exist_ok=True)
    file.write_text(text)
    return True


def terraform_cli_config() -> Path | None:
    """Return the configuration that Terraform is to use, None for its own choice."""
    if (own := _users_configuration()) is not None:
        return own
    file = STATE_FOLDER / "terraform.rc"
    return file if file.exists() else None


def check_terraform() -> None:
    """Check that Terraform is on the PATH and new enough.

    Raises
    ------
    SetupError
        When it is not.
    """
    minimum = ".".join(map(str, TERRAFORM_MINIMUM))
    if shutil.which("terraform") is None:
        raise SetupError(
            f"Terraform is not on the PATH. Install version {minimum} or newer: "
            "https://developer.hashicorp.com/terraform/install"
        )
    # Its first line is enough, and asks nothing of the network.
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    result = subprocess.run(
        ["terraform", "version"],  # noqa: S607  wherever the user has it
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    match = re.search(r"Terraform v(\d+)\.(\d+)\.(\d+)", result.stdout)
    if match is None:
        raise SetupError(
            f"'terraform version' gives no version: {(result.stderr or result.stdout).strip()} "
            f"Install version {minimum} or newer."
        )
    if tuple(map(int, match.groups()[:2])) < TERRAFORM_MINIMUM:
        raise SetupError(
            f"Terraform {match[0].removeprefix('Terraform v')} is too old. "
            f"Install version {minimum} or newer."
        )


def locked_provider_version(lock_file: Path = LOCK_FILE) -> str:
    """Return the version of the AWS provider in Terraform's lock file."""
    match = re.search(r'version\s*=\s*"([^"]+)"', lock_file.read_text())
    if match is None:
        raise SetupError(f"{lock_file} names no provider version. Restore it from git.")
    return match[1]


def mirror_candidates() -> Iterator[Path]:
    """Yield the folders that may be provider mirrors, likeliest first."""
    if named := os.environ.get("TF_PLUGIN_MIRROR"):
        yield Path(named)
    yield Path.home() / ".terraform.d" / "plugins"
    for prefix in map(Path, MIRROR_PREFIXES):
        yield prefix
        for depth in range(1, MIRROR_DEPTH + 1):
            yield from sorted(prefix.glob("/".join(["*"] * depth)))


def find_mirror(candidates: Iterable[Path]) -> Path | None:
    """Return the first folder that holds the locked provider for this computer.

    Both layouts of https://developer.hashicorp.com/terraform/cli/config/config-file are known:
    packed (a zip) and unpacked (a folder for each platform).
    """
    version = locked_provider_version()
    for candidate in candidates:
        provider = candidate / PROVIDER
        packed = f"terraform-provider-aws_{version}_{target_platform()}.zip"
        try:
            if (provider / version / target_platform()).is_dir() or (provider / packed).is_file():
                return candidate
        except PermissionError:
            continue
    return None


def target_platform() -> str:
    """Return this computer's platform as Terraform writes it, such as ``linux_amd64``."""
    machine = platform.machine().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{machine}"


def plugin_cache() -> Path:
    """Return the folder in which Terraform keeps providers that it downloaded."""
    return STATE_FOLDER / "terraform-providers"


def configuration_text(mirror: Path | None) -> str:
    """Return Terraform's configuration: the mirror, or a cache of what is downloaded."""
    if mirror is None:
        return f'plugin_cache_dir = "{plugin_cache()}"\n'
    return (
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f'    path    = "{mirror}"\n'
        '    include = ["hashicorp/aws"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["hashicorp/aws"]\n'
        "  }\n"
        "}\n"
    )


def _users_configuration() -> Path | None:
    named = os.environ.get("TF_CLI_CONFIG_FILE")
    for file in ([named] if named else []) + [str(Path.home() / ".terraformrc")]:
        # False too for what this user may not see, such as the file of another user.
        if os.access(file, os.R_OK):
            return Path(file)
    return None


# --- the whole -------------------------------------------------------------------------------


def steps(profile: str) -> dict[str, Callable[[], bool]]:
    """Return what a profile needs, by the words that are shown for it."""

    def environment(folder: str, lock: str) -> Callable[[], bool]:
        return lambda: prepare_venv(REPOSITORY / folder, [REPOSITORY / "requirements" / lock])

    todo = {
        "Check Terraform": prepare_terraform,
        "Python environment": environment(".venv", f"{profile}.txt"),
        "Emulator": environment(".venv-emulator", "emulator.txt"),
        "MariaDB": prepare_mariadb,
    }
    if profile == "dev":
        todo["Terraform scanner"] = environment(".venv-checkov", "checkov.txt")
    return todo


def run_all(todo: dict[str, Callable[[], bool]]) -> None:
    """Run the steps side by side, a line for each that did something.

    Raises
    ------
    SetupError
        The first that failed, when all have ended.
    """
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool, _heartbeat(started) as running:
        futures = {}
        for title, action in todo.items():
            running.append(title)
            futures[pool.submit(action)] = title
        failures = []
        for future in concurrent.futures.as_completed(futures):
            title = futures[future]
            running.remove(title)
            error = future.exception()
            if error is not None:
                failures.append(error)
            elif future.result():
                print(f"✓ {title} ({time.monotonic() - started:.1f} s)", flush=True)
    for failure in failures:
        raise failure


class _heartbeat:  # noqa: N801  used as a function is
    """A thread that says every few seconds what is still running."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._running: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> list[str]:
        self._thread.start()
        return self._running

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        wait = FIRST_BEAT_SECONDS
        while not self._stop.wait(wait):
            wait = HEARTBEAT_SECONDS
            if waiting := ", ".join(self._running):
                seconds = time.monotonic() - self._started
                print(f"  … set up {waiting} ({seconds:.0f} s)", flush=True)


def _run(command: list[str], mend: str, environment: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        words = (result.stderr.strip() or result.stdout.strip())[-800:]
        raise SetupError(f"'{' '.join(command)}' failed: {words}\nTo mend it: {mend}.")


def main() -> int:
    """Set up one profile; return the exit code."""
    parser = argparse.ArgumentParser(description="Set up what the project needs.")
    parser.add_argument("profile", choices=("ops", "dev"), nargs="?", default="dev")
    profile = parser.parse_args().profile
    # Whoever tests has what operators need, so a development environment serves both.
    stamp = REPOSITORY / ".venv" / "locked"
    development = [REPOSITORY / "requirements" / "dev.txt"]
    if stamp.exists() and stamp.read_text() == _digest(development):
        profile = "dev"
    try:
        run_all(steps(profile))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Setup failed: {error}. Mend that and type the command again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
