"""RDS.

- ``real-servers``: an instance of engine ``mariadb`` has no server. See `emulator.rds`.
- ``managed-passwords``: ``ManageMasterUserPassword`` is ignored. RDS keeps the password in a
  secret.
- ``instance-fields``: instances forget log exports, the backup window and Database Insights.
- ``major-upgrades``: a new major version needs neither ``AllowMajorVersionUpgrade`` nor a parameter
  group of its family.
- ``used-groups``: a parameter group can be deleted while an instance uses it.
- ``backup-copies``: backups cannot be replicated to another region. See `emulator.rds_backups`.
- ``snapshot-names``: a final snapshot replaces another of its name.
"""

from __future__ import annotations

from emulator.rds import Databases
from emulator.rds_backups import BackupCopies
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "real-servers": "An instance is a database server.",
    "managed-passwords": "RDS keeps the administrator's password in a secret.",
    "instance-fields": "An instance keeps its log exports, backup window and Database Insights.",
    "major-upgrades": (
        "A major upgrade needs ``AllowMajorVersionUpgrade`` and a parameter group of the "
        "new family."
    ),
    "used-groups": "A parameter group that an instance uses cannot be deleted.",
    "backup-copies": "Backups are replicated to another region.",
    "snapshot-names": "The name of a snapshot is unique.",
}


def apply(settings: Settings) -> None:
    """Close the gaps, if there is a folder for the servers."""
    from ministack.core import responses
    from ministack.services import rds, secretsmanager

    if settings.databases and settings.certificates:
        databases = Databases(rds, secretsmanager, settings.databases, settings.certificates)
        databases.take_over()
        settings.at_exit.callback(databases.end_all)
    BackupCopies(rds, lambda: (responses.get_account_id(), responses.get_region())).take_over()
