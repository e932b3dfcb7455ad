"""A lead: its schema (``lead.schema.json``) and its normalization."""

from __future__ import annotations

import unicodedata
from typing import Any

from flowbridge.schema import Schema, read_schema

Lead = dict[str, Any]

TEXT_FIELDS = ("name", "lastname", "mail", "store", "origin")
PHONE_SEPARATORS = str.maketrans("", "", " -.()")


def load_schema() -> Schema:
    """Return the schema of a lead, with the fields of each endpoint in ``x-endpoints``."""
    return read_schema(__file__, "lead.schema.json")


def normalize(lead: Lead) -> Lead:
    """Return a lead in normal form; values of a wrong type are left for the schema.

    Strings are stripped and NFC-normalized, because two Unicode forms of an é would count as
    different data. The RUT loses its dots and gets an upper-case K. A phone that is a string loses
    its separators; one that is a float with a zero fraction becomes an int. Unknown fields are
    unchanged.
    """
    result = dict(lead)
    for name in TEXT_FIELDS:
        if isinstance(value := result.get(name), str):
            result[name] = unicodedata.normalize("NFC", value).strip()
    if isinstance(rut := result.get("rut"), str):
        result["rut"] = rut.strip().replace(".", "").upper()
    phone = result.get("phone")
    if isinstance(phone, str):
        result["phone"] = phone.translate(PHONE_SEPARATORS)
    elif isinstance(phone, float) and phone.is_integer():
        result["phone"] = int(phone)
    return result
