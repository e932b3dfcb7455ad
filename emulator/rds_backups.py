"""Copies of RDS backups in another region.

MiniStack has no such calls. These keep the records that Terraform reads, with RDS's checks; backups
hold no data here, and neither do their copies.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from emulator.rds import Answer, Instance, Parameters, field_of

Copy = dict[str, str]


class BackupCopies:
    """The copies of every account.

    Parameters
    ----------
    rds
        MiniStack's RDS: its records, its helpers, its table of actions.
    here
        Returns the account and the region of the call.
    """

    def __init__(self, rds: Any, here: Callable[[], tuple[str, str]]) -> None:
        self._rds = rds
        self._here = here
        #: By account and region of the copy, and the ARN of the instance.
        self._copies: dict[tuple[str, str, str], Copy] = {}

    def take_over(self) -> None:
        """Add the calls to MiniStack, and the copies to its instances."""
        actions = self._rds._ACTION_MAP
        actions["StartDBInstanceAutomatedBackupsReplication"] = self.start
        actions["StopDBInstanceAutomatedBackupsReplication"] = self.stop
        actions["DescribeDBInstanceAutomatedBackups"] = self.describe
        self._rds._instance_xml = self.with_copies(self._rds._instance_xml)

    def start(self, params: Parameters) -> Answer:
        """Copy the backups of an instance of another region to this one."""
        field = field_of(params)
        arn = field("SourceDBInstanceArn")
        account, region = self._here()
        instance = self._rds._regional_get(self._rds._instances, arn, "db")
        if instance is None:
            return self._refusal("DBInstanceNotFound", f"DBInstance {arn} not found.")
        if arn.split(":")[3] == region:
            return self._refusal(
                "InvalidParameterValue", "The source and the destination are the same region."
            )
        if int(instance.get("BackupRetentionPeriod", 0)) < 1:
            return self._refusal(
                "InvalidDBInstanceState", f"Automated backups are not enabled for {arn}."
            )
        is_encrypted = bool(instance.get("StorageEncrypted"))
        if is_encrypted and not field("KmsKeyId").startswith(f"arn:aws:kms:{region}:"):
            return self._refusal(
                "InvalidParameterCombination",
                "The copy of an encrypted instance needs a KMS key of its own region.",
            )
        key = (account, region, arn)
        if key in self._copies:
            return self._refusal(
                "DBInstanceAutomatedBackupAlreadyExists", f"{arn} is replicated to {region}."
            )
        self._copies[key] = {
            "DBInstanceArn": arn,
            "DbiResourceId": instance["DbiResourceId"],
            "Region": arn.split(":")[3],
            "DBInstanceIdentifier": instance["DBInstanceIdentifier"],
            "Status": "replicating",
            "Engine": instance["Engine"],
            "EngineVersion": instance["EngineVersion"],
            "Encrypted": str(is_encrypted).lower(),
            "KmsKeyId": field("KmsKeyId"),
            "BackupRetentionPeriod": field("BackupRetentionPeriod") or "7",
            "DBInstanceAutomatedBackupsArn": (
                f"arn:aws:rds:{region}:{account}:auto-backup:ab-{uuid.uuid4().hex[:20]}"
            ),
        }
        return self._answer("StartDBInstanceAutomatedBackupsReplication", self._copies[key])

    def stop(self, params: Parameters) -> Answer:
        """Stop the copying to this region."""
        arn = field_of(params)("SourceDBInstanceArn")
        copy = self._copies.pop((*self._here(), arn), None)
        if copy is None:
            return self._refusal("DBInstanceNotFound", f"{arn} is not replicated to this region.")
        return self._answer("StopDBInstanceAutomatedBackupsReplication", copy)

    def describe(self, params: Parameters) -> Answer:
        """Return the copies in this region."""
        field = field_of(params)
        wanted = ("DBInstanceAutomatedBackupsArn", "DbiResourceId", "DBInstanceIdentifier")
        found = [
            copy
            for (account, region, _), copy in self._copies.items()
            if (account, region) == self._here()
            and all(field(name) in ("", copy[name]) for name in wanted)
        ]
        arn = field("DBInstanceAutomatedBackupsArn")
        if arn and not found:
            return self._refusal("DBInstanceAutomatedBackupNotFound", f"{arn} not found.")
        name = "DBInstanceAutomatedBackup"
        members = "".join(f"<{name}>{fields(copy)}</{name}>" for copy in found)
        action = "DescribeDBInstanceAutomatedBackups"
        answer: Answer = self._rds._xml(
            200,
            f"{action}Response",
            f"<{action}Result><{name}s>{members}</{name}s></{action}Result>",
        )
        return answer

    def with_copies(self, render: Callable[[Instance], str]) -> Callable[[Instance], str]:
        """Return MiniStack's XML of an instance, with the ARNs of its copies."""

        def render_all(instance: Instance) -> str:
            members = "".join(
                "<DBInstanceAutomatedBackupsReplication><DBInstanceAutomatedBackupsArn>"
                f"{copy['DBInstanceAutomatedBackupsArn']}"
                "</DBInstanceAutomatedBackupsArn></DBInstanceAutomatedBackupsReplication>"
                for (_, _, arn), copy in self._copies.items()
                if arn == instance["DBInstanceArn"]
            )
            name = "DBInstanceAutomatedBackupsReplications"
            return f"{render(instance)}<{name}>{members}</{name}>"

        return render_all

    def _answer(self, action: str, copy: Copy) -> Answer:
        name = "DBInstanceAutomatedBackup"
        answer: Answer = self._rds._xml(
            200,
            f"{action}Response",
            f"<{action}Result><{name}>{fields(copy)}</{name}></{action}Result>",
        )
        return answer

    def _refusal(self, code: str, message: str) -> Answer:
        answer: Answer = self._rds._error(code, message, 400)
        return answer


def fields(copy: Copy) -> str:
    """Return the XML of a copy's fields."""
    return "".join(f"<{name}>{value}</{name}>" for name, value in copy.items())
