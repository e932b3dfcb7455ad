"""The CRM's database as tests see it."""

from __future__ import annotations

from tests.support.mariadb import ServedDatabase, secret_of

__all__ = ["TABLES", "CrmDatabase", "secret_of"]

TABLES = ("CLIENTS", "PARTNERS", "BENEFIT")


class CrmDatabase(ServedDatabase):
    """The migrated database, and the user that the functions have there."""
