"""Set up what the project needs on this computer; does nothing when nothing changed.

Run by the system's own Python before there is any environment, so it uses the standard library
only: ``python3 ops/local/prepare.py [ops|dev|bench] [--flow=name]``. It makes

- ``.venv``: the project's Python environment, from the lock file of the profile, with the command
  ``flowbridge``,
- ``.venv-emulator``: the emulator's, which is also the Python of the local Lambda functions,
- ``.venv-engines``: an environment for each engine that an active flow names in its
  ``engines.txt``, such as the database behind Athena. The emulator alone imports them,
- ``.venv-checkov``: the scanner's of Terraform files, for developers,
- ``.venv-bench`` and ``.venv-runtime``: for benchmarks, what they compare with and draw with, and
  what Lambda's runtime holds,
- MariaDB's programs, installed where they are missing and it may,
- Chromium for developers, likewise: the tests of the web pages run in it,
- SoX for developers, likewise: the tests of recordings read them with it,
- Terraform's command-line configuration, when the provider lies in a mirror on this computer.
"""

from __future__ import annotations

import signal

# The imports take a moment, in which Ctrl-C would print a traceback.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import concurrent.futures
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
STATE_FOLDER = REPOSITORY / ".local"
LOCK_FILE = REPOSITORY / "terraform" / ".terraform.lock.hcl"
LOCAL_VARIABLES = REPOSITORY / "terraform" / "envs" / "local.tfvars"
#: In a flow's folder, the engines that the emulator needs for it, one a line.
ENGINES_FILE = "engines.txt"
ENGINES = REPOSITORY / ".venv-engines"

PYTHON_VERSIONS = ("3.11", "3.12", "3.13")
#: The marks in an environment's folder.
MADE, LOCKED = "made", "locked"
#: The packages of a new environment.
OF_VENV = {"pip", "setuptools"}
TERRAFORM_MINIMUM = (1, 11)
MARIADB_PROGRAMS = ("mariadbd", "mariadb-install-db")
#: The server and the scripts of its data folder, without the service that `mariadb-server` starts.
MARIADB_PACKAGES = ("mariadb-server-core", "mariadb-client-core")
#: By any of these names, on the PATH or, on a Mac, where its windows are.
CHROMIUM_PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
#: A page is looked at, too, and without a font it has no letters.
CHROMIUM_PACKAGES = ("chromium", "fonts-dejavu-core")
#: Reads the recordings that the tests archive.
SOX = "sox"
#: Debian keeps the server where only root's PATH looks.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")

PROVIDER = Path("registry.terraform.io") / "hashicorp" / "aws"
MIRROR_PREFIXES = ("/usr/share", "/usr/local/share", "/opt")
MIRROR_DEPTH = 2
APT_LOCK_SECONDS = 120
FIRST_BEAT_SECONDS = 2.0
HEARTBEAT_SECONDS = 5.0


class SetupError(Exception):
    """Something is missing; the message names it and says how to install it."""


# --- Python environments ---------------------------------------------------------------------


def prepare_venv(folder: Path, lock: Path) -> bool:
    """Make a virtual environment hold just what a lock file names; return whether work was done.

    Two marks are written, each when its part is complete, so what was interrupted is done again:
    `made` names the folder and its Python, since an environment that was moved, or whose Python
    was replaced below it, starts programs that are not there; `locked` names the lock file.

    Raises
    ------
    SetupError
        When there is no Python to make it with, or the libraries cannot be installed.
    """
    python = str(folder / "bin" / "python")
    wanted = _lock_mark(lock)
    is_made = _read(folder / MADE) == _made_mark(folder)
    if is_made and _read(folder / LOCKED) == wanted:
        return False
    (folder / LOCKED).unlink(missing_ok=True)
    if not is_made:
        shutil.rmtree(folder, ignore_errors=True)
        _run([find_python(), "-m", "venv", str(folder)], "see why Python makes no environment")
        (folder / MADE).write_text(_made_mark(folder))
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    # The lock file names every library, but without extras. --no-deps makes pip accept a library
    # that another one requires with extras.
    _run(
        [*pip, "install", "--require-hashes", "--no-deps", "-r", str(lock)],
        "see that a Python package index can be reached (pip's own settings apply)",
    )
    # A library that the lock file names no more could hide that something still needs it.
    installed = _run([*pip, "list", "--format=freeze"], "remove the folder and set up again")
    if spare := sorted(_library_names(installed) - _library_names(lock.read_text()) - OF_VENV):
        _run([*pip, "uninstall", "--yes", *spare], "remove the folder and set up again")
    (folder / LOCKED).write_text(wanted)
    return True


def engines_of(flow: str, flows: Path = REPOSITORY / "terraform" / "flows") -> set[str]:
    """Return the engines that the emulator needs for a flow."""
    return set(_read(flows / flow / ENGINES_FILE).split())


def active_flows(variables: str) -> list[str]:
    """Return the flows of the local environment, from the text of its variables."""
    block = re.search(r"^flows = \{$(.*?)^\}$", variables, re.MULTILINE | re.DOTALL)
    return re.findall(r"^  (\w+) += ", block[1], re.MULTILINE) if block else []


def prepare_engine(name: str) -> str:
    """Install one engine; return its size, or an empty text when it is there already.

    Raises
    ------
    SetupError
        When there is no such engine, or it cannot be installed.
    """
    lock = REPOSITORY / "requirements" / "engines" / f"{name}.txt"
    if not lock.exists():
        raise SetupError(f"There is no engine '{name}': {lock} is missing. Correct {ENGINES_FILE}.")
    if not prepare_venv(ENGINES / name, lock):
        return ""
    sizes = [file.stat().st_size for file in (ENGINES / name).rglob("*") if file.is_file()]
    return f"{sum(sizes) / 1e6:.0f} MB"


def write_launcher(folder: Path) -> bool:
    """Write the command ``flowbridge`` into an environment; return whether it changed.

    The repository is not installed, because pip would need a build backend for that. A shell starts
    the launcher, so that paths with blanks work; Python reads the shell's lines as a text.
    """
    python, file = folder / "bin" / "python", folder / "bin" / "flowbridge"
    text = f"""#!/bin/sh
'''exec' {shlex.quote(str(python))} "$0" "$@"
' '''
import runpy
import sys

sys.path[0] = {str(REPOSITORY)!r}
runpy.run_module("ops", run_name="__main__", alter_sys=False)
"""
    if _read(file) == text:
        return False
    file.write_text(text)
    file.chmod(0o755)
    return True


def find_python() -> str:
    """Return an interpreter of a supported version that really runs and can make environments.

    A name on the PATH is not enough: version managers leave launchers of versions that are not
    switched on. Debian's Python makes no environments until a package more is installed; when
    there is no other, that package is installed here.

    Raises
    ------
    SetupError
        When there is none.
    """
    names = [sys.executable, "python3", *(f"python{version}" for version in PYTHON_VERSIONS)]
    incomplete = None
    # The environments are made side by side; one of them looks, and installs, at a time.
    with _finding_python:
        for name in names:
            found = shutil.which(name)
            version = _python_version(found) if found else None
            if found is None or version not in PYTHON_VERSIONS:
                continue
            if _makes_environments(found):
                return found
            incomplete = incomplete or (found, version)
        if incomplete is None:
            raise SetupError(
                f"No Python {PYTHON_VERSIONS[0]} to {PYTHON_VERSIONS[-1]} was found. "
                f"Install one of them and put it on the PATH."
            )
        found, version = incomplete
        _install(f"The venv module of {found}", [f"python{version}-venv"], f"Python {version}")
        if not _makes_environments(found):
            raise SetupError(
                f"{found} has no venv module, even after the installation of "
                f"python{version}-venv. Put another Python first on the PATH."
            )
        return found


_finding_python = threading.Lock()


def _python_version(program: str) -> str | None:
    """Return the version of an interpreter, None when it does not run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    result = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def _makes_environments(program: str) -> bool:
    code = "import ensurepip, venv"
    return subprocess.run([program, "-c", code], capture_output=True, check=False).returncode == 0


def _made_mark(folder: Path) -> str:
    python = folder / "bin" / "python"
    version = _python_version(str(python)) if python.exists() else None
    return f"{folder} with Python {version}\n"


def _lock_mark(lock: Path) -> str:
    return f"{lock.stem} {hashlib.sha256(lock.read_bytes()).hexdigest()}\n"


def _library_names(pinned: str) -> set[str]:
    """Return the libraries of `name==version` lines, written as PyPA's names specification does."""
    found = re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


# --- what the system's package manager installs ----------------------------------------------


def _install(what: str, packages: Iterable[str], elsewhere: str) -> None:
    """Install Debian packages, when this is such a system and this user may.

    Parameters
    ----------
    what
        What is missing, as an error names it.
    packages
        The packages that bring it.
    elsewhere
        What to install where there is no apt-get.

    Raises
    ------
    SetupError
        When it cannot be installed from here.
    """
    if shutil.which("apt-get") is None:
        raise SetupError(f"{what} is missing. Install {elsewhere} with your package manager.")
    words = ["install", "-y", "--no-install-recommends", *packages]
    typed = f"sudo apt-get {' '.join(words)}"
    may = _rights_to_install()
    if may is None:
        raise SetupError(f"{what} is missing and this user may not install it. Type: {typed}")
    # A machine that was just started often updates itself, and holds the lock meanwhile.
    apt = [*may, "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    apt += ["-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}"]
    # Two steps may have something to install, and apt-get does not wait for itself everywhere.
    with _installing:
        if subprocess.run([*apt, *words], capture_output=True, check=False).returncode:
            # The package lists may be missing or old.
            _run([*apt, "update"], "see that the package lists can be reached")
            _run([*apt, *words], f"type: {typed}")


_installing = threading.Lock()


def _rights_to_install() -> list[str] | None:
    """Return the words before a command that installs; None when this user may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)  # noqa: S607
    return ["sudo", "-n"] if asked.returncode == 0 else None


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
    _install("MariaDB", MARIADB_PACKAGES, "MariaDB's server (mariadb-server, or mariadb)")
    if missing := _missing_mariadb_programs():
        raise SetupError(
            f"{', '.join(missing)} is missing after MariaDB was installed. "
            f"Put the folder that holds it on the PATH."
        )
    return True


def _missing_mariadb_programs() -> list[str]:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    return [name for name in MARIADB_PROGRAMS if shutil.which(name, path=path) is None]


# --- Chromium --------------------------------------------------------------------------------


def prepare_chromium() -> bool:
    """Find the browser of the tests, or install it; return whether it was installed.

    Raises
    ------
    SetupError
        When it is missing and this user may not install it, or the installation failed.
    """
    if find_chromium() is not None:
        return False
    _install("Chromium, in which the web pages are tested,", CHROMIUM_PACKAGES, "Chromium")
    if find_chromium() is None:
        raise SetupError(
            "Chromium is missing after it was installed (Ubuntu's package only leads to a snap). "
            "Install Chromium or Google Chrome and put it on the PATH."
        )
    return True


def find_chromium() -> str | None:
    """Return the browser of the tests, None when there is none."""
    found = (shutil.which(name) for name in CHROMIUM_PROGRAMS)
    return next((program for program in found if program is not None), None)


# --- SoX --------------------------------------------------------------------------------------


def prepare_sox() -> bool:
    """Find the program that reads recordings in the tests, or install it; return whether it was.

    Raises
    ------
    SetupError
        When it is missing and this user may not install it, or the installation failed.
    """
    if shutil.which(SOX) is not None:
        return False
    _install("SoX, with which recordings are tested,", (SOX,), "SoX")
    if shutil.which(SOX) is None:
        raise SetupError("SoX is missing after it was installed. Put it on the PATH.")
    return True


# --- Terraform -------------------------------------------------------------------------------


def prepare_terraform() -> bool:
    """Check Terraform, and write its configuration when a mirror holds the provider.

    Returns
    -------
    bool
        Whether the configuration was rewritten.

    Raises
    ------
    SetupError
        When Terraform is missing or too old.
    """
    check_terraform()
    if _users_configuration() is not None:
        return False
    text = configuration_text(find_mirror(mirror_candidates()))
    file = own_configuration()
    STATE_FOLDER.mkdir(exist_ok=True, mode=0o700)
    plugin_cache().mkdir(exist_ok=True)
    if _read(file) == text:
        return False
    file.write_text(text)
    return True


def terraform_cli_config() -> Path | None:
    """Return the configuration that Terraform is to use, None for its own choice."""
    if (users := _users_configuration()) is not None:
        return users
    return own_configuration() if own_configuration().exists() else None


def own_configuration() -> Path:
    """Return where the configuration that this module writes is kept."""
    return STATE_FOLDER / "terraform.rc"


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
    version = terraform_version()
    if tuple(map(int, version.split(".")[:2])) < TERRAFORM_MINIMUM:
        raise SetupError(f"Terraform {version} is too old. Install version {minimum} or newer.")


def terraform_version() -> str:
    """Return the version of the Terraform on the PATH.

    Raises
    ------
    SetupError
        When it does not print one.
    """
    # Its first line is enough, and asks nothing of the network.
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    result = subprocess.run(
        ["terraform", "version"],  # noqa: S607  wherever the user has it
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    match = re.search(r"Terraform v(\d+\.\d+\.\d+)", result.stdout)
    if match is None:
        raise SetupError(
            f"'terraform version' gives no version: {(result.stderr or result.stdout).strip()} "
            f"Install version {'.'.join(map(str, TERRAFORM_MINIMUM))} or newer."
        )
    return match[1]


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
        # And ours is not the user's, though `make env` gives its name to their shell.
        if os.access(file, os.R_OK) and Path(file) != own_configuration():
            return Path(file)
    return None


# --- the whole -------------------------------------------------------------------------------


def steps(profile: str, flow: str = "") -> dict[str, Callable[[], bool | str]]:
    """Return what a profile needs, by the words that are shown for it.

    Operators who show one flow need the engines of that flow alone.
    """

    def environment(folder: str, lock: str) -> Callable[[], bool]:
        return lambda: prepare_venv(REPOSITORY / folder, REPOSITORY / "requirements" / lock)

    def own_environment(lock: str) -> bool:
        changed = prepare_venv(REPOSITORY / ".venv", REPOSITORY / "requirements" / lock)
        return write_launcher(REPOSITORY / ".venv") or changed

    todo: dict[str, Callable[[], bool | str]] = {
        "Check Terraform": prepare_terraform,
        "Python environment": partial(
            own_environment, "ops.txt" if profile == "ops" else "dev.txt"
        ),
        "Emulator": environment(".venv-emulator", "emulator.txt"),
        "MariaDB": prepare_mariadb,
    }
    flows = [flow] if flow else active_flows(_read(LOCAL_VARIABLES))
    for engine in sorted(set().union(*map(engines_of, flows))):
        todo[f"Engine {engine}"] = partial(prepare_engine, engine)
    if profile == "dev":
        todo["Terraform scanner"] = environment(".venv-checkov", "checkov.txt")
        todo["Chromium"] = prepare_chromium
        todo["SoX"] = prepare_sox
    if profile == "bench":
        todo["SAM and plots"] = environment(".venv-bench", "bench.txt")
        todo["Lambda's runtime"] = environment(".venv-runtime", "runtime.txt")
    return todo


def run_all(todo: dict[str, Callable[[], bool | str]]) -> None:
    """Run the steps side by side, a line for each that did something.

    Raises
    ------
    SetupError
        When all have ended, with what each that failed said.
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
            elif done := future.result():
                details = f"{done}, " if isinstance(done, str) else ""
                _say(f"✓ {title} ({details}{time.monotonic() - started:.1f} s)")
    if failures:
        raise SetupError("\n".join(map(str, failures))) from failures[0]


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
                _say(f"  … set up {waiting} ({seconds:.0f} s)")


def _say(line: str) -> None:
    """Report progress on standard error, apart from the following command's output."""
    print(line, file=sys.stderr, flush=True)


def _run(command: list[str], action: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        words = (result.stderr.strip() or result.stdout.strip())[-800:]
        raise SetupError(f"'{' '.join(command)}' failed: {words}\nTo fix it: {action}.")
    return result.stdout


def main() -> int:
    """Set up one profile; return the exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description="Set up what the project needs.")
    parser.add_argument("profile", choices=("ops", "dev", "bench"), nargs="?", default="dev")
    parser.add_argument("--flow", default="", help="the flow to show, else all active ones")
    arguments = parser.parse_args()
    profile = arguments.profile
    # A development environment includes everything that operators need.
    if profile == "ops" and _read(REPOSITORY / ".venv" / LOCKED).startswith("dev "):
        profile = "dev"
    try:
        run_all(steps(profile, arguments.flow))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"Setup failed: {error}. Correct the cause and type the command again.", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        print("Setup was interrupted. Type the command again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
