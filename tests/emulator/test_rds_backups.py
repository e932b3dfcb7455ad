"""The emulator's copies of RDS backups, and what RDS refuses of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from emulator.rds_backups import BackupCopies

ACCOUNT = "111111111111"
SOURCE = f"arn:aws:rds:us-east-1:{ACCOUNT}:db:one"
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"
WANTED = {
    "SourceDBInstanceArn": [SOURCE],
    "KmsKeyId": [KEY],
    "BackupRetentionPeriod": ["14"],
}


class Rds:
    """The part of MiniStack's RDS that the copies use, in an account with one instance."""

    def __init__(self) -> None:
        self._ACTION_MAP: dict[str, Any] = {}
        self._instances = {
            SOURCE: {
                "DBInstanceArn": SOURCE,
                "DBInstanceIdentifier": "one",
                "DbiResourceId": "db-ABC",
                "Engine": "mariadb",
                "EngineVersion": "11.8",
                "BackupRetentionPeriod": 7,
                "StorageEncrypted": True,
            }
        }

    def _regional_get(self, instances: dict[str, Any], arn: str, _: str) -> Any:
        return instances.get(arn)

    def _instance_xml(self, _: Any) -> str:
        return ""

    def _xml(self, status: int, root: str, inner: str) -> tuple[int, Any, Any]:
        return status, root, f"<{root}>{inner}</{root}>"

    def _error(self, code: str, message: str, status: int) -> tuple[int, Any, Any]:
        return status, code, message


class Account:
    """The copies, called from one region at a time."""

    def __init__(self) -> None:
        self.rds = Rds()
        self.region = "us-west-2"
        BackupCopies(self.rds, lambda: (ACCOUNT, self.region)).take_over()

    def call(self, action: str, **params: list[str]) -> tuple[int, str, str]:
        name = f"{action}DBInstanceAutomatedBackups"
        name += "" if action == "Describe" else "Replication"
        answer: tuple[int, str, str] = self.rds._ACTION_MAP[name](params)
        return answer

    def listed(self) -> list[str]:
        _, _, text = self.call("Describe")
        return [e.text or "" for e in ET.fromstring(text).iter("DBInstanceAutomatedBackupsArn")]


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account()


def test_a_copy_is_in_its_region_and_named_by_the_instance_until_it_ends(account: Account) -> None:
    assert account.call("Start", **WANTED)[0] == 200
    [arn] = account.listed()

    assert arn.startswith(f"arn:aws:rds:us-west-2:{ACCOUNT}:auto-backup:ab-")
    assert arn in account.rds._instance_xml(account.rds._instances[SOURCE])
    account.region = "us-east-1"
    assert account.listed() == []
    account.region = "us-west-2"
    assert account.call("Stop", **WANTED)[0] == 200
    assert account.listed() == []
    status, code, _ = account.call("Describe", DBInstanceAutomatedBackupsArn=[arn])
    assert (status, code) == (400, "DBInstanceAutomatedBackupNotFound")
    assert account.call("Stop", **WANTED)[0] == 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SourceDBInstanceArn": [f"{SOURCE}-other"]}, "DBInstanceNotFound"),
        ({"KmsKeyId": [KEY.replace("us-west-2", "us-east-1")]}, "InvalidParameterCombination"),
        ({"KmsKeyId": [""]}, "InvalidParameterCombination"),
    ],
)
def test_a_copy_needs_an_instance_and_a_key_of_its_region(
    account: Account, change: dict[str, list[str]], code: str
) -> None:
    assert account.call("Start", **{**WANTED, **change})[:2] == (400, code)
    assert account.listed() == []


def test_a_copy_is_in_another_region_and_there_once(account: Account) -> None:
    account.call("Start", **WANTED)
    assert account.call("Start", **WANTED)[1] == "DBInstanceAutomatedBackupAlreadyExists"
    account.region = "us-east-1"
    assert account.call("Start", **WANTED)[1] == "InvalidParameterValue"


def test_an_instance_without_backups_has_nothing_to_copy(account: Account) -> None:
    account.rds._instances[SOURCE]["BackupRetentionPeriod"] = 0

    assert account.call("Start", **WANTED)[1] == "InvalidDBInstanceState"
