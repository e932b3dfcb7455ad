"""The folder and the two ports of the local environment.

Each value comes from its environment variable, else from the record of the running local
environment (so that ``make send`` finds it on other ports), else from the default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.quotas import scale_of
from ops.errors import OperationError

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
LOCAL = "local"

DEFAULT_FOLDER = ".local"
DEFAULT_EMULATOR_PORT = 4566
DEFAULT_DATABASE_PORT = 13306

FOLDER_VARIABLE = "FLOWBRIDGE_FOLDER"
EMULATOR_PORT_VARIABLE = "FLOWBRIDGE_EMULATOR_PORT"
DATABASE_PORT_VARIABLE = "FLOWBRIDGE_DATABASE_PORT"
EMULATED_VARIABLE = "FLOWBRIDGE_EMULATED"
FLOWS_VARIABLE = "FLOWBRIDGE_FLOWS"
QUOTAS_VARIABLE = "FLOWBRIDGE_QUOTAS"
PORTS_FILE = "ports.json"
QUOTAS_FILE = "quotas"
SHOWN_FILE = "flows.json"
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
#: Programs differ in which of the two they read.
NO_PROXY_VARIABLES = ("no_proxy", "NO_PROXY")


@dataclass(frozen=True)
class Ports:
    """The loopback ports of the local environment."""

    emulator: int
    database: int


@dataclass(frozen=True)
class LocalSettings:
    """The folder and ports of one local environment.

    `emulated`: dev, qa and prd run on the emulator as separate accounts, instead of on AWS.
    `flows`: the settings of each flow of the local environment, instead of those in its tfvars. A
    rehearsed environment has those of its flows that are named here.
    `shown`: the flows whose demos ran here, the only ones that it has; empty for all of its tfvars.
    `quotas`: ``aws``, or ``aws:0.1`` for a tenth, if the emulator has AWS's quotas; else empty.
    """

    folder: Path
    ports: Ports
    emulated: bool = False
    flows: Mapping[str, Any] | None = None
    shown: frozenset[str] = frozenset()
    quotas: str = ""

    @property
    def endpoint(self) -> str:
        """The emulator's URL for every AWS service."""
        return f"http://{LOOPBACK}:{self.ports.emulator}"

    @property
    def logs(self) -> Path:
        """The folder of the background programs' logs."""
        return self.folder / "logs"

    @property
    def certificates(self) -> Path:
        """The folder of the local certificate authority and the server certificate."""
        return self.folder / "certificates"

    def record_ports(self) -> None:
        """Record the ports for later commands."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / PORTS_FILE).write_text(json.dumps(asdict(self.ports)) + "\n")

    def record_quotas(self) -> None:
        """Record the quotas for later commands, which stay within them."""
        (self.folder / QUOTAS_FILE).write_text(self.quotas)

    def record_shown(self, flows: Iterable[str]) -> None:
        """Record the flows whose demos ran, for later commands."""
        (self.folder / SHOWN_FILE).write_text(json.dumps(sorted(flows)) + "\n")

    def forget_emulator(self) -> None:
        """Remove the records of the emulator: the next one begins empty and without quotas."""
        for name in (QUOTAS_FILE, SHOWN_FILE):
            (self.folder / name).unlink(missing_ok=True)


def load(environment: Mapping[str, str] = os.environ) -> LocalSettings:
    """Return this command's settings.

    Raises
    ------
    OperationError
        When a port is not a number from 1024 to 65535, both ports are the same,
        FLOWBRIDGE_EMULATED is neither yes nor no, or FLOWBRIDGE_QUOTAS is not a scale of AWS's.
    """
    folder = (REPOSITORY / environment.get(FOLDER_VARIABLE, DEFAULT_FOLDER)).resolve()
    recorded = _recorded_ports(folder / PORTS_FILE)
    ports = Ports(
        emulator=_port(environment, EMULATOR_PORT_VARIABLE, recorded.emulator),
        database=_port(environment, DATABASE_PORT_VARIABLE, recorded.database),
    )
    if ports.emulator == ports.database:
        raise OperationError(
            f"The emulator and the database cannot both use port {ports.emulator}.",
            f"Set {EMULATOR_PORT_VARIABLE} or {DATABASE_PORT_VARIABLE} to another port.",
        )
    return LocalSettings(
        folder,
        ports,
        emulated=_yes(environment, EMULATED_VARIABLE),
        flows=_flows(environment),
        shown=_recorded_flows(folder / SHOWN_FILE),
        quotas=_quotas(environment, folder / QUOTAS_FILE),
    )


def go_around_proxies(environment: MutableMapping[str, str]) -> None:
    """Exclude loopback addresses from a proxy, if one is configured.

    Otherwise boto3, urllib and the local functions would ask the proxy for the emulator.
    """
    names = [name for variable in PROXY_VARIABLES for name in (variable, variable.upper())]
    if not any(environment.get(name) for name in names):
        return
    known = next(filter(None, map(environment.get, NO_PROXY_VARIABLES)), "")
    for name in NO_PROXY_VARIABLES:
        hosts = [host.strip() for host in (environment.get(name) or known).split(",")]
        if "*" not in hosts:
            missing = [host for host in (LOOPBACK, "localhost") if host not in hosts]
            environment[name] = ",".join([*filter(None, hosts), *missing])


def _recorded_ports(file: Path) -> Ports:
    if not file.exists():
        return Ports(emulator=DEFAULT_EMULATOR_PORT, database=DEFAULT_DATABASE_PORT)
    try:
        return Ports(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        raise OperationError(f"{file} cannot be read: {error}.", "Delete it.") from error


def _recorded_flows(file: Path) -> frozenset[str]:
    if not file.exists():
        return frozenset()
    try:
        return frozenset(json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        raise OperationError(f"{file} cannot be read: {error}.", "Delete it.") from error


def _port(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise OperationError(
            f"{variable} is '{text}', which is not a port.", "Use a number from 1024 to 65535."
        )
    return int(text)


def _flows(environment: Mapping[str, str]) -> dict[str, Any] | None:
    text = environment.get(FLOWS_VARIABLE)
    if not text:
        return None
    try:
        flows = json.loads(text)
    except ValueError:
        flows = None
    if not isinstance(flows, dict):
        raise OperationError(
            f"{FLOWS_VARIABLE} is not a JSON object.",
            'Give the settings of each flow by its name, such as {"image_catalog": {}}.',
        )
    return flows


def _quotas(environment: Mapping[str, str], recorded: Path) -> str:
    text = environment.get(QUOTAS_VARIABLE, "")
    if not text and recorded.exists():
        text = recorded.read_text()
    try:
        if text:
            scale_of(text)
    except ValueError:
        raise OperationError(
            f"{QUOTAS_VARIABLE} is '{text}'.", "Use aws, or a share of AWS's quotas: aws:0.1."
        ) from None
    return text


def _yes(environment: Mapping[str, str], variable: str) -> bool:
    text = environment.get(variable) or "no"
    if text not in ("yes", "no"):
        raise OperationError(f"{variable} is '{text}'.", "Use yes or no.")
    return text == "yes"
