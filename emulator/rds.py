"""A real MariaDB server behind each RDS instance of engine ``mariadb``.

MiniStack keeps the records of instances. This module wraps the calls that create, modify and delete
one, and starts or ends a server with them. A server listens on a loopback port of its own, with the
options of its parameter group and a certificate of the local authority, so TLS is required and
verified as on AWS. Its data is deleted with its instance or when the emulator ends. Parameters that
change later take effect when the instance reboots. Snapshots hold no data.

Every engine version runs the MariaDB that is installed here. A major upgrade restarts it on the
same data, after the checks that RDS makes.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ops.local.mariadb_server import LOCK_SPARE_ACCOUNTS, LOOPBACK, MariaDBError, MariaDBServer

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Action = Callable[[Parameters], Answer]
Instance = dict[str, Any]

START_SECONDS = 30.0
ENGINE = "mariadb"
IDENTIFIER = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
#: The rights of the master user of RDS for MariaDB.
MASTER_RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
    "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, "
    "EVENT, TRIGGER"
)
#: Fields of a call that MiniStack drops.
KEPT_FIELDS = (
    "DatabaseInsightsMode",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "PreferredBackupWindow",
)
#: The data does not outlive the emulator, so durability is off.
EPHEMERAL = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=16M",
)


class Databases:
    """The servers of the emulator's instances.

    Parameters
    ----------
    rds
        MiniStack's RDS: its records, its helpers, its table of actions.
    secrets_manager
        MiniStack's Secrets Manager, where master passwords are kept.
    folder
        Below it, each server has a folder.
    certificates
        Holds ``server.pem`` and ``server.key``, good for the loopback address.
    """

    def __init__(self, rds: Any, secrets_manager: Any, folder: Path, certificates: Path) -> None:
        self._rds = rds
        self._secrets_manager = secrets_manager
        self._folder = folder
        self._certificates = certificates
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def take_over(self) -> None:
        """Replace MiniStack's calls."""
        actions = self._rds._ACTION_MAP
        actions["CreateDBInstance"] = self.creation(actions["CreateDBInstance"])
        actions["ModifyDBInstance"] = self.modification(actions["ModifyDBInstance"])
        actions["RebootDBInstance"] = self.reboot(actions["RebootDBInstance"])
        actions["DeleteDBInstance"] = self.deletion(actions["DeleteDBInstance"])
        actions["DeleteDBParameterGroup"] = self.group_deletion(actions["DeleteDBParameterGroup"])
        self._rds._instance_xml = with_all_fields(self._rds._instance_xml)

    def creation(self, create: Action) -> Action:
        """Return ``CreateDBInstance``, which also starts a server for MariaDB."""

        def create_with_server(params: Parameters) -> Answer:
            field = field_of(params)
            if field("Engine") != ENGINE:
                return create(params)
            user, database = field("MasterUsername"), field("DBName")
            if not all(IDENTIFIER.match(name) for name in (user, database)):
                message = "MasterUsername and DBName are a letter, then letters, digits or _."
                return self._refusal("InvalidParameterValue", message)
            group = field("DBParameterGroupName")
            if refusal := self._family_refusal(group, field("EngineVersion")):
                return refusal
            managed = field("ManageMasterUserPassword") == "true"
            password = secrets.token_urlsafe(24) if managed else field("MasterUserPassword")
            port = free_port()
            answer = create({**params, "Port": [str(port)], "MasterUserPassword": [password]})
            if answer[0] != 200:
                return answer
            instance = self._rds._instances[field("DBInstanceIdentifier")]
            statements = start_script(database, user, password)
            options = [*self._tls(), *self._parameters(instance)]
            try:
                self._start(instance, port, statements, options)
            except MariaDBError as error:
                del self._rds._instances[instance["DBInstanceIdentifier"]]
                return self._refusal("InsufficientDBInstanceCapacity", str(error))
            if managed:
                instance["MasterUserSecret"] = self._keep(
                    instance, {"username": user, "password": password}, field
                )
            self._remember(instance, params)
            return self._answer("CreateDBInstance", instance)

        return create_with_server

    def modification(self, modify: Action) -> Action:
        """Return ``ModifyDBInstance``, which also upgrades the server and keeps all fields."""

        def modify_and_remember(params: Parameters) -> Answer:
            field = field_of(params)
            instance = self._rds._resolve_instance(field("DBInstanceIdentifier"))
            if instance is None or instance.get("Engine") != ENGINE:
                return modify(params)
            if refusal := self._upgrade_refusal(instance, field):
                return refusal
            is_major = is_major_upgrade(instance["EngineVersion"], field("EngineVersion"))
            is_now = field("ApplyImmediately") == "true"
            if is_major and not is_now:
                # The old group stays in use until the upgrade.
                params = {k: v for k, v in params.items() if k != "DBParameterGroupName"}
            answer = modify(params)
            if answer[0] != 200:
                return answer
            self._remember(instance, params)
            if is_major and is_now:
                # RDS takes a new group's parameters at the next reboot by the owner.
                self._restart(instance, [])
            if field("DBParameterGroupName") in group_names(instance):
                instance["DBParameterGroups"][0]["ParameterApplyStatus"] = "pending-reboot"
            return self._answer("ModifyDBInstance", instance)

        return modify_and_remember

    def reboot(self, reboot: Action) -> Action:
        """Return ``RebootDBInstance``, which also restarts the server with its parameters."""

        def reboot_with_server(params: Parameters) -> Answer:
            instance = self._rds._resolve_instance(field_of(params)("DBInstanceIdentifier"))
            answer = reboot(params)
            if answer[0] == 200 and instance is not None and instance.get("Engine") == ENGINE:
                self._restart(instance, self._parameters(instance))
                instance["DBParameterGroups"][0]["ParameterApplyStatus"] = "in-sync"
            return answer

        return reboot_with_server

    def group_deletion(self, delete: Action) -> Action:
        """Return ``DeleteDBParameterGroup``, which refuses a group that is in use."""

        def delete_unused(params: Parameters) -> Answer:
            name = field_of(params)("DBParameterGroupName")
            if any(name in group_names(each) for each in self._rds._instances.values()):
                return self._refusal(
                    "InvalidDBParameterGroupState",
                    "One or more database instances are still members of this parameter group "
                    f"{name}, so the group cannot be deleted",
                )
            return delete(params)

        return delete_unused

    def deletion(self, delete: Action) -> Action:
        """Return ``DeleteDBInstance``, which also ends the server and deletes its secret."""

        def delete_with_server(params: Parameters) -> Answer:
            field = field_of(params)
            instance = self._rds._resolve_instance(field("DBInstanceIdentifier"))
            if (snapshot := field("FinalDBSnapshotIdentifier")) in self._rds._snapshots:
                return self._refusal(
                    "DBSnapshotAlreadyExists",
                    f"Cannot create the snapshot because one with the identifier {snapshot} "
                    "already exists.",
                )
            answer = delete(params)
            if answer[0] == 200 and instance is not None:
                with self._lock:
                    self._end(instance["DBInstanceArn"])
                if secret := instance.get("MasterUserSecret"):
                    self._secrets_manager.delete_secret_in_process(secret["SecretArn"])
            return answer

        return delete_with_server

    def end_all(self) -> None:
        """End every server."""
        with self._lock:
            for arn in list(self._processes):
                self._end(arn)

    def _start(
        self, instance: Instance, port: int, statements: Iterable[str], options: Iterable[str]
    ) -> None:
        arn = instance["DBInstanceArn"]
        server = MariaDBServer(self._server_folder(arn), port)
        shutil.rmtree(server.folder, ignore_errors=True)
        server.prepare(statements)
        self._run(arn, server, options)

    def _restart(self, instance: Instance, options: Iterable[str]) -> None:
        """Restart a server on its data, with other options."""
        arn = instance["DBInstanceArn"]
        with self._lock:
            process = self._processes.pop(arn)
            process.terminate()
            process.wait()
        server = MariaDBServer(self._server_folder(arn), int(instance["Endpoint"]["Port"]))
        self._run(arn, server, [*self._tls(), *options])

    def _run(self, arn: str, server: MariaDBServer, options: Iterable[str]) -> None:
        log = server.folder / "server.log"
        command = server.command(*EPHEMERAL, *options)
        with self._lock, log.open("wb") as output:
            # In the emulator's process group, which the supervisor ends as one.
            process = subprocess.Popen(command, stdout=output, stderr=output)
            self._processes[arn] = process
        deadline = time.monotonic() + START_SECONDS
        while not greets(server.port):
            if process.poll() is not None or time.monotonic() > deadline:
                end = log.read_text(errors="replace")[-1000:]
                with self._lock:
                    self._end(arn)
                raise MariaDBError(f"MariaDB did not start: {end}", "Fix that and apply again.")
            time.sleep(0.05)

    def _end(self, arn: str) -> None:
        """End a server; the caller holds the lock."""
        process = self._processes.pop(arn, None)
        if process is not None:
            # Its data is deleted next, so it need not shut down cleanly.
            process.kill()
            process.wait()
        shutil.rmtree(self._server_folder(arn), ignore_errors=True)

    def _server_folder(self, arn: str) -> Path:
        _, _, _, region, account, _, name = arn.split(":")
        return self._folder / f"{account}-{region}-{name}"

    def _tls(self) -> list[str]:
        certificate, key = (self._certificates / f"server.{end}" for end in ("pem", "key"))
        return [f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    def _parameters(self, instance: Instance) -> list[str]:
        found = [self._rds._param_groups.get(name) or {} for name in group_names(instance)]
        return [
            f"--{name.replace('_', '-')}={value['ParameterValue']}"
            for group in found
            for name, value in group.get("Parameters", {}).items()
        ]

    def _upgrade_refusal(self, instance: Instance, field: Callable[[str], str]) -> Answer | None:
        """Return what RDS answers to a change of version or group that it does not make."""
        current, wanted = instance["EngineVersion"], field("EngineVersion") or None
        if is_major_upgrade(current, wanted):
            if series(wanted or "") < series(current):
                return self._refusal(
                    "InvalidParameterCombination",
                    f"Cannot upgrade {ENGINE} from {current} to {wanted}",
                )
            if field("AllowMajorVersionUpgrade") != "true":
                return self._refusal(
                    "InvalidParameterCombination",
                    "The AllowMajorVersionUpgrade flag must be present when upgrading to a new "
                    "major version.",
                )
        group = field("DBParameterGroupName") or group_names(instance)[0]
        return self._family_refusal(group, wanted or current)

    def _family_refusal(self, group: str, version: str) -> Answer | None:
        found = self._rds._param_groups.get(group)
        if not found:
            return None
        version = version or self._rds._default_engine_version(ENGINE)
        wanted = f"{ENGINE}{'.'.join(map(str, series(version)))}"
        if found["DBParameterGroupFamily"] == wanted:
            return None
        return self._refusal(
            "InvalidParameterCombination",
            f"The parameter group {group} with DBParameterGroupFamily "
            f"{found['DBParameterGroupFamily']} can't be used for this instance. Please use a "
            f"parameter group with DBParameterGroupFamily {wanted}",
        )

    def _keep(
        self, instance: Instance, credentials: Mapping[str, str], field: Callable[[str], str]
    ) -> dict[str, str]:
        """Keep the master user's credentials in the caller's account, as RDS does."""
        _, _, _, region, account, _, name = instance["DBInstanceArn"].split(":")
        arn = self._secrets_manager.create_secret_in_process(
            f"rds!{instance['DbiResourceId'].lower()}",
            json.dumps(credentials),
            description=f"Master user of the DB instance {name}",
        )
        default_key = f"arn:aws:kms:{region}:{account}:alias/aws/secretsmanager"
        return {
            "SecretArn": arn,
            "SecretStatus": "active",
            "KmsKeyId": field("MasterUserSecretKmsKeyId") or default_key,
        }

    def _remember(self, instance: Instance, params: Parameters) -> None:
        """Keep the fields that MiniStack drops."""
        field = field_of(params)
        change = "CloudwatchLogsExportConfiguration"
        exports = set(instance.get("EnabledCloudwatchLogsExports", []))
        exports |= {*self._list(params, "EnableCloudwatchLogsExports")}
        exports |= {*self._list(params, f"{change}.EnableLogTypes")}
        exports -= {*self._list(params, f"{change}.DisableLogTypes")}
        instance["EnabledCloudwatchLogsExports"] = sorted(exports)
        for name in KEPT_FIELDS:
            if value := field(name):
                instance[name] = value
        if enabled := field("EnablePerformanceInsights"):
            instance["PerformanceInsightsEnabled"] = enabled == "true"

    def _list(self, params: Parameters, name: str) -> list[str]:
        found: list[str] = self._rds._parse_member_list(params, name)
        return found

    def _answer(self, action: str, instance: Instance) -> Answer:
        answer: Answer = self._rds._single_instance_response(
            f"{action}Response", f"{action}Result", instance
        )
        return answer

    def _refusal(self, code: str, message: str) -> Answer:
        answer: Answer = self._rds._error(code, message, 400)
        return answer


def with_all_fields(render: Callable[[Instance], str]) -> Callable[[Instance], str]:
    """Return MiniStack's XML of an instance, with every field that a plan compares."""

    def render_all(instance: Instance) -> str:
        members = "".join(
            f"<member>{name}</member>" for name in instance.get("EnabledCloudwatchLogsExports", [])
        )
        text = render(instance).replace(
            "<EnabledCloudwatchLogsExports/>",
            f"<EnabledCloudwatchLogsExports>{members}</EnabledCloudwatchLogsExports>",
        )
        for name in ("DatabaseInsightsMode", "PerformanceInsightsKMSKeyId"):
            if value := instance.get(name):
                text += f"<{name}>{value}</{name}>"
        if secret := instance.get("MasterUserSecret"):
            fields = "".join(f"<{name}>{value}</{name}>" for name, value in secret.items())
            text += f"<MasterUserSecret>{fields}</MasterUserSecret>"
        return text

    return render_all


def start_script(database: str, user: str, password: str) -> list[str]:
    """Return the SQL that creates an instance's database and its master user."""
    quoted = password.replace("\\", "\\\\").replace("'", "''")
    return [
        f"CREATE DATABASE IF NOT EXISTS `{database}`;",
        f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{quoted}';",
        f"GRANT {MASTER_RIGHTS} ON *.* TO '{user}'@'%' WITH GRANT OPTION;",
        *LOCK_SPARE_ACCOUNTS,
    ]


def series(version: str) -> tuple[int, ...]:
    """Return the major version of a version of MariaDB, which has two numbers."""
    return tuple(int(number) for number in version.split(".")[:2])


def is_major_upgrade(current: str, wanted: str | None) -> bool:
    """Return whether a version is of another major version."""
    return bool(wanted) and series(wanted or "") != series(current)


def group_names(instance: Instance) -> list[str]:
    """Return the names of the parameter groups that an instance uses."""
    return [group["DBParameterGroupName"] for group in instance["DBParameterGroups"]]


def greets(port: int) -> bool:
    """Return whether a server greets a client, which it does after its start-up script."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def field_of(params: Parameters) -> Callable[[str], str]:
    """Return a function that gives a field of a form, empty when it is missing."""

    def field(name: str) -> str:
        value = params.get(name, "")
        return str(value[0] if isinstance(value, list) else value)

    return field
