"""Remove the rows of a synthetic lead.

A smoke test sends a lead through the whole flow and removes its rows. The lead's RUT begins with
``000``, which no person has. Database grants limit deletions to the ``SYNTHETIC_*`` views, which
have only such rows, so an error in this function cannot delete a person's row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crm.endpoint import database
from crm.registration import SYNTHETIC_VIEWS
from flowbridge.logs import get_logger

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

log = get_logger("crm_api")

SYNTHETIC_RUT = re.compile(r"000[0-9]{1,6}-[0-9K]")


class NotSynthetic(Exception):  # noqa: N818
    """The RUT could be a person's."""


def handler(event: Any, _context: object) -> dict[str, int]:
    """Remove the rows of ``event["rut"]``.

    Returns
    -------
    dict
        The number of removed rows, by table.

    Raises
    ------
    NotSynthetic
        When the RUT does not begin with ``000``.
    DatabaseUnavailable
        When the database is unreachable.
    """
    rut = event.get("rut") if isinstance(event, dict) else None
    if not isinstance(rut, str) or not SYNTHETIC_RUT.fullmatch(rut):
        raise NotSynthetic("rut must begin with 000, which no person has. Nothing was removed.")

    def work(cursor: Cursor) -> dict[str, int]:
        # The statements have only names from this code.
        return {
            table: cursor.execute(f"DELETE FROM {view} WHERE rut = %s", (rut,))  # noqa: S608
            for table, view in SYNTHETIC_VIEWS.items()
        }

    removed = database().transaction(work)
    log.info("synthetic lead removed", extra={"removed": removed})
    return removed
