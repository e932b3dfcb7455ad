"""RDS.

- ``real-servers``: an instance of engine ``mariadb`` has no server. See `emulator.rds`.
- ``managed-passwords``: ``ManageMasterUserPassword`` is ignored. RDS keeps the password in a
  secret.
- ``instance-fields``: instances forget log exports, the backup window and Performance Insights.
"""

from __future__ import annotations

from emulator.rds import Databases
from emulator.settings import Settings

GAPS = ("real-servers", "managed-passwords", "instance-fields")


def apply(settings: Settings) -> None:
    """Close the gaps, if there is a folder for the servers."""
    from ministack.services import rds, secretsmanager

    if settings.databases and settings.certificates:
        databases = Databases(rds, secretsmanager, settings.databases, settings.certificates)
        databases.take_over()
        settings.at_exit.callback(databases.end_all)
