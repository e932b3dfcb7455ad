"""A database on RDS later on: an upgrade, a larger class, a deletion and a second creation."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import boto3
import pymysql
import pytest
import tftest

from ops.local import certificates
from ops.local.prepare import terraform_cli_config
from ops.terraform.runner import FASTER, ROOT
from tests.support.emulator import running_emulator

ACCOUNT = "444444444444"
NAME = "shop-database"
OLD, NEW = "10.11", "11.8"
COPY_REGION = "us-west-2"


class Database:
    """A root module that calls the module, applied on an emulator.

    Parameters
    ----------
    folder
        An empty folder.
    endpoint
        The emulator's URL.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._authority = folder / "certificates" / "ca.pem"
        (folder / "root").mkdir()
        environment = {
            **FASTER,
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "TF_CLI_CONFIG_FILE": str(terraform_cli_config() or ""),
        }
        new = cast(Any, tftest.TerraformTest)  # it ships no types
        self._terraform = new(str(folder / "root"), env=environment)
        self.write()
        self._terraform.setup(cleanup_on_exit=False)

    def write(self, **settings: Any) -> None:
        """Write the root module with settings of RDS."""
        subnets = {
            f"zone_{zone}": {
                "vpc_id": "${aws_vpc.this.id}",
                "cidr_block": f"10.0.{number}.0/24",
                "availability_zone": f"us-east-1{zone}",
            }
            for number, zone in enumerate("ab")
        }
        module = {
            "source": f"{ROOT / 'modules'}//database",
            "providers": {"aws": "aws", "aws.backup_region": "aws.backup_region"},
            "name": NAME,
            "settings": {"mode": "rds", "rds": {"name": "crm", "storage_gb": 20, **settings}},
            "network": {
                "vpc_id": "${aws_vpc.this.id}",
                "subnet_ids": [f"${{aws_subnet.{name}.id}}" for name in subnets],
            },
            "secret_recovery_days": 0,
            "log_retention_days": 7,
            "emulator": {"endpoint": self._endpoint, "database_ca": self._authority.read_text()},
        }
        root = {
            "provider": {
                "aws": [
                    {"region": "us-east-1"},
                    {"alias": "backup_region", "region": COPY_REGION},
                ]
            },
            "resource": {
                "aws_vpc": {"this": {"cidr_block": "10.0.0.0/16"}},
                "aws_subnet": subnets,
            },
            "module": {"database": module},
        }
        (self._folder / "root" / "main.tf.json").write_text(json.dumps(root))

    def apply(self, **settings: Any) -> None:
        """Apply with settings of RDS."""
        self.write(**settings)
        self._terraform.apply()

    def refused(self, **settings: Any) -> str:
        """Apply with settings that RDS refuses; return its words in one line."""
        self.write(**settings)
        with pytest.raises(tftest.TerraformTestError) as caught:
            self._terraform.apply()
        return " ".join(str(caught.value.cmd_error).replace("│", " ").split())

    def changes(self) -> set[str]:
        """Return the addresses of what another apply would change."""
        plan = self._terraform.plan(output=True)
        return {
            address
            for address, change in plan.resource_changes.items()
            if change["mode"] == "managed" and change["change"]["actions"] != ["no-op"]
        }

    def destroy(self) -> None:
        """Destroy everything."""
        self._terraform.destroy()

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Return a client of the account."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._endpoint,
            region_name=region,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="test",
        )

    def instance(self) -> dict[str, Any]:
        """Return what RDS says of the instance."""
        [found] = self.client("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
        instance: dict[str, Any] = found
        return instance

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; return the rows."""
        instance = self.instance()
        secret = self.client("secretsmanager").get_secret_value(
            SecretId=instance["MasterUserSecret"]["SecretArn"]
        )
        credentials = json.loads(secret["SecretString"])
        connection = pymysql.connect(
            host="127.0.0.1",
            port=instance["Endpoint"]["Port"],
            user=credentials["username"],
            password=credentials["password"],
            database="crm",
            autocommit=True,
            ssl=ssl.create_default_context(cafile=str(self._authority)),
        )
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def copies(self) -> list[dict[str, Any]]:
        """Return the copies of backups in the other region."""
        found = self.client("rds", COPY_REGION).describe_db_instance_automated_backups()
        copies: list[dict[str, Any]] = found["DBInstanceAutomatedBackups"]
        return copies

    def groups(self) -> dict[str, str]:
        """Return the families of the account's parameter groups, by name."""
        found = self.client("rds").describe_db_parameter_groups()["DBParameterGroups"]
        return {group["DBParameterGroupName"]: group["DBParameterGroupFamily"] for group in found}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database that is not applied yet."""
    certificates.make(tmp_path / "certificates")
    options = (f"--databases={tmp_path / 'rds'}", f"--certificates={tmp_path / 'certificates'}")
    with running_emulator(tmp_path, *options, "--quotas=aws") as settings:
        yield Database(tmp_path, settings.endpoint)


def test_a_major_upgrade_takes_one_setting_and_keeps_the_rows(database: Database) -> None:
    database.apply(engine_version=OLD, deletion_protection=False)
    database.execute("CREATE TABLE KEPT (id INT PRIMARY KEY)")
    database.execute("INSERT INTO KEPT VALUES (1), (2)")
    assert [family for family in database.groups().values() if "mariadb" in family] == [
        f"mariadb{OLD}"
    ]

    # Another default of the module must not upgrade a server.
    words = database.refused(deletion_protection=False)
    assert "The AllowMajorVersionUpgrade flag must be present" in words
    assert database.instance()["EngineVersion"] == OLD

    database.apply(engine_version=NEW, instance_class="db.t4g.small", deletion_protection=False)

    instance = database.instance()
    [group] = instance["DBParameterGroups"]
    assert (instance["EngineVersion"], instance["DBInstanceClass"]) == (NEW, "db.t4g.small")
    # The old group was deleted, after the instance had left it.
    assert database.groups() == {group["DBParameterGroupName"]: f"mariadb{NEW}"}
    assert database.execute("SELECT id FROM KEPT ORDER BY id") == [(1,), (2,)]
    assert database.changes() == set()

    # RDS takes the parameters of a new group at the next reboot.
    assert group["ParameterApplyStatus"] == "pending-reboot"
    database.client("rds").reboot_db_instance(DBInstanceIdentifier=NAME)
    assert database.instance()["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert database.execute("SELECT @@max_connections") == [(85,)]
    assert database.execute("SELECT COUNT(*) FROM KEPT") == [(2,)]


def test_a_protected_database_is_destroyed_and_created_twice(database: Database) -> None:
    rds = database.client("rds")
    for _ in range(2):
        database.apply(backup_copy={"region": COPY_REGION, "days": 14})
        [copy] = database.copies()
        assert copy["DBInstanceArn"] == database.instance()["DBInstanceArn"]
        assert (copy["Status"], copy["BackupRetentionPeriod"]) == ("replicating", 14)
        assert copy["KmsKeyId"].split(":")[3] == COPY_REGION
        rds.modify_db_instance(
            DBInstanceIdentifier=NAME, DeletionProtection=False, ApplyImmediately=True
        )

        database.destroy()

    names = [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]]
    assert len({*names}) == 2
    assert all(name.startswith(f"{NAME}-final-") for name in names)
    assert (database.groups(), database.copies()) == ({}, [])
