"""The emulator's RDS instances: real servers, for as long as they are there."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest

from emulator.rds import Databases, start_script, with_all_fields
from ops.local import certificates

ARN = "arn:aws:rds:us-east-1:111111111111:db:one"
FAMILY = "mariadb11.8"
PARAMS = {
    "DBInstanceIdentifier": ["one"],
    "Engine": ["mariadb"],
    "EngineVersion": ["11.8"],
    "DBName": ["crm"],
    "MasterUsername": ["administrator"],
    "ManageMasterUserPassword": ["true"],
    "EnableCloudwatchLogsExports.member.1": ["error"],
}


class Emulator:
    """The part of the emulator's RDS and Secrets Manager that the tests need."""

    def __init__(self) -> None:
        self._instances: dict[str, Any] = {}
        self._param_groups: dict[str, Any] = {
            "g": {"DBParameterGroupFamily": FAMILY, "Parameters": {}}
        }
        self._snapshots: dict[str, Any] = {}
        self._ACTION_MAP = {
            "CreateDBInstance": self.create,
            "ModifyDBInstance": self.modify,
            "RebootDBInstance": lambda _: (200, {}, b""),
            "DeleteDBInstance": self.delete,
            "DeleteDBParameterGroup": self.delete_group,
        }
        self.secrets: dict[str, str] = {}

    def create(self, params: dict[str, Any]) -> tuple[int, Any, Any]:
        self._instances["one"] = {
            "DBInstanceIdentifier": "one",
            "Engine": "mariadb",
            "EngineVersion": "11.8",
            "Endpoint": {"Port": params.get("Port", ["0"])[0]},
            "DBInstanceArn": ARN,
            "DbiResourceId": "db-ABC",
            "DBParameterGroups": [{"DBParameterGroupName": "g"}],
            "Port": params.get("Port"),
        }
        return 200, {}, b""

    def modify(self, params: dict[str, Any]) -> tuple[int, Any, Any]:
        instance = self._instances["one"]
        if "ApplyImmediately" in params and "EngineVersion" in params:
            [instance["EngineVersion"]] = params["EngineVersion"]
        if "DBParameterGroupName" in params:
            [name] = params["DBParameterGroupName"]
            instance["DBParameterGroups"] = [{"DBParameterGroupName": name}]
        return 200, {}, b""

    def delete_group(self, params: dict[str, Any]) -> tuple[int, Any, Any]:
        del self._param_groups[params["DBParameterGroupName"][0]]
        return 200, {}, b""

    def delete(self, _: dict[str, Any]) -> tuple[int, Any, Any]:
        del self._instances["one"]
        return 200, {}, b""

    def _resolve_instance(self, name: str) -> Any:
        return self._instances.get(name)

    def _single_instance_response(self, root: str, _: str, instance: Any) -> tuple[int, Any, Any]:
        return 200, root, instance

    def _error(self, code: str, message: str, status: int) -> tuple[int, Any, Any]:
        return status, code, message

    def _parse_member_list(self, params: dict[str, Any], prefix: str) -> list[str]:
        return [v[0] for k, v in params.items() if k.startswith(f"{prefix}.member.")]

    def _instance_xml(self, _: Any) -> str:
        return "<EnabledCloudwatchLogsExports/>"

    def create_secret_in_process(self, name: str, value: str, description: str) -> str:
        self.secrets[name] = value
        return name

    def delete_secret_in_process(self, name: str) -> None:
        del self.secrets[name]


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[SimpleNamespace]:
    certificates.make(tmp_path / "certificates")
    emulator = Emulator()
    servers = Databases(emulator, emulator, tmp_path / "rds", tmp_path / "certificates")
    servers.take_over()
    yield SimpleNamespace(
        emulator=emulator, servers=servers, folder=tmp_path / "rds", **emulator._ACTION_MAP
    )
    servers.end_all()


def connect(tmp_path: Path, port: int, credentials: dict[str, str], **options: Any) -> Any:
    context = ssl.create_default_context(cafile=str(tmp_path / "certificates" / "ca.pem"))
    return pymysql.connect(
        host="127.0.0.1",
        port=port,
        user=credentials["username"],
        password=credentials["password"],
        database="crm",
        **({"ssl": context} | options),
    )


def test_an_instance_is_a_server_for_its_lifetime(
    databases: SimpleNamespace, tmp_path: Path
) -> None:
    parameters = {"require_secure_transport": {"ParameterValue": "1"}}
    databases.emulator._param_groups["g"]["Parameters"] = parameters

    status, _, instance = databases.CreateDBInstance(PARAMS)

    assert status == 200
    assert instance["EnabledCloudwatchLogsExports"] == ["error"]
    credentials = json.loads(databases.emulator.secrets[instance["MasterUserSecret"]["SecretArn"]])
    port = int(instance["Port"][0])
    connect(tmp_path, port, credentials).close()
    with pytest.raises(pymysql.err.OperationalError):
        connect(tmp_path, port, credentials, ssl=None, ssl_disabled=True)

    databases.DeleteDBInstance(PARAMS)

    assert databases.emulator.secrets == {}
    assert list(databases.folder.iterdir()) == []
    with pytest.raises(pymysql.err.OperationalError, match="refused"):
        connect(tmp_path, port, credentials)


def test_a_server_that_does_not_start_leaves_nothing(databases: SimpleNamespace) -> None:
    parameters = {"no_such_parameter": {"ParameterValue": "1"}}
    databases.emulator._param_groups["g"]["Parameters"] = parameters

    status, code, message = databases.CreateDBInstance(PARAMS)

    assert (status, code) == (400, "InsufficientDBInstanceCapacity")
    assert "no-such-parameter" in message
    assert databases.emulator._instances == {}
    assert list(databases.folder.iterdir()) == []


def test_other_engines_are_left_to_the_emulator(databases: SimpleNamespace) -> None:
    databases.CreateDBInstance({**PARAMS, "Engine": ["postgres"]})

    assert not databases.folder.exists()


def test_a_name_that_is_no_identifier_is_refused(databases: SimpleNamespace) -> None:
    status, code, _ = databases.CreateDBInstance({**PARAMS, "DBName": ["crm`; DROP"]})

    assert (status, code) == (400, "InvalidParameterValue")


def test_changes_that_the_emulator_forgets_are_kept(databases: SimpleNamespace) -> None:
    databases.emulator.create({})
    change = "CloudwatchLogsExportConfiguration.EnableLogTypes.member.1"
    databases.ModifyDBInstance(
        {"DBInstanceIdentifier": ["one"], change: ["slowquery"], "PreferredBackupWindow": ["w"]}
    )
    instance = databases.emulator._instances["one"]

    assert instance["PreferredBackupWindow"] == "w"
    assert "<member>slowquery</member>" in databases.emulator._instance_xml(instance)


def test_the_secret_is_shown_when_there_is_one() -> None:
    render = with_all_fields(lambda _: "")

    assert render({}) == ""
    assert "<SecretArn>a</SecretArn>" in render({"MasterUserSecret": {"SecretArn": "a"}})


def test_a_password_is_quoted() -> None:
    statements = start_script("crm", "administrator", "it's \\ one")

    assert r"IDENTIFIED BY 'it''s \\ one'" in statements[1]


UPGRADE = {
    "DBInstanceIdentifier": ["one"],
    "EngineVersion": ["12.3"],
    "AllowMajorVersionUpgrade": ["true"],
    "ApplyImmediately": ["true"],
    "DBParameterGroupName": ["new"],
}


@pytest.fixture
def upgradable(databases: SimpleNamespace) -> SimpleNamespace:
    """The servers with one instance, and a parameter group of a newer family."""
    parameters = {"max_connections": {"ParameterValue": "77"}}
    databases.emulator._param_groups["new"] = {
        "DBParameterGroupFamily": "mariadb12.3",
        "Parameters": parameters,
    }
    status, _, databases.instance = databases.CreateDBInstance(
        {**PARAMS, "DBParameterGroupName": ["g"]}
    )
    assert status == 200
    return databases


def test_a_major_upgrade_keeps_the_data_and_a_reboot_brings_the_parameters(
    upgradable: SimpleNamespace, tmp_path: Path
) -> None:
    instance = upgradable.instance
    secrets = upgradable.emulator.secrets
    credentials = json.loads(secrets[instance["MasterUserSecret"]["SecretArn"]])
    port = int(instance["Endpoint"]["Port"])

    def answer(statement: str) -> Any:
        connection = connect(tmp_path, port, credentials, autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()

    answer("CREATE TABLE KEPT (id INT)")
    answer("INSERT INTO KEPT VALUES (7)")
    default = answer("SELECT @@max_connections")

    status, _, _ = upgradable.ModifyDBInstance(UPGRADE)

    assert (status, instance["EngineVersion"]) == (200, "12.3")
    assert answer("SELECT id, @@max_connections FROM KEPT") == (7, *default)
    assert instance["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    upgradable.RebootDBInstance(PARAMS)
    assert answer("SELECT id, @@max_connections FROM KEPT") == (7, 77)
    assert instance["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AllowMajorVersionUpgrade": ["false"]}, "AllowMajorVersionUpgrade flag must be present"),
        ({"DBParameterGroupName": ["g"]}, "parameter group with DBParameterGroupFamily mariadb12"),
        ({"EngineVersion": ["10.11"]}, "Cannot upgrade mariadb from 11.8 to 10.11"),
        ({"EngineVersion": ["11.8.3"]}, "mariadb12.3 can't be used for this instance"),
    ],
)
def test_an_upgrade_that_rds_refuses_is_refused(
    upgradable: SimpleNamespace, change: dict[str, list[str]], words: str
) -> None:
    status, code, message = upgradable.ModifyDBInstance({**UPGRADE, **change})

    assert (status, code) == (400, "InvalidParameterCombination")
    assert words in message
    assert upgradable.instance["EngineVersion"] == "11.8"


def test_an_instance_needs_a_group_of_its_family(databases: SimpleNamespace) -> None:
    wanted = {**PARAMS, "EngineVersion": ["10.11"], "DBParameterGroupName": ["g"]}
    status, _, message = databases.CreateDBInstance(wanted)

    assert status == 400
    assert "Please use a parameter group with DBParameterGroupFamily mariadb10.11" in message


def test_an_upgrade_in_the_maintenance_window_leaves_the_old_group_in_use(
    upgradable: SimpleNamespace,
) -> None:
    later = {name: value for name, value in UPGRADE.items() if name != "ApplyImmediately"}
    upgradable.ModifyDBInstance(later)

    status, code, _ = upgradable.DeleteDBParameterGroup({"DBParameterGroupName": ["g"]})

    assert (status, code) == (400, "InvalidDBParameterGroupState")
    upgradable.ModifyDBInstance(UPGRADE)
    assert upgradable.DeleteDBParameterGroup({"DBParameterGroupName": ["g"]})[0] == 200


def test_a_final_snapshot_needs_a_new_name(upgradable: SimpleNamespace) -> None:
    upgradable.emulator._snapshots["final"] = {}
    wanted = {**PARAMS, "FinalDBSnapshotIdentifier": ["final"]}

    status, code, _ = upgradable.DeleteDBInstance(wanted)

    assert (status, code) == (400, "DBSnapshotAlreadyExists")
    assert "one" in upgradable.emulator._instances
