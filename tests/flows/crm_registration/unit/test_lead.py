"""The lead's rules: what they let through, and that they fit the database and other validators."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from crm.lead import load_schema, normalize
from flowbridge.schema import SchemaError, Validator
from tests.flows.crm_registration.support.database import CrmDatabase
from tests.support.functions import FIELDS, LEAD

SCHEMA = load_schema()
VALIDATOR = Validator(SCHEMA)
#: A second opinion on the same rules.
REFERENCE = jsonschema.Draft7Validator(SCHEMA)

GOOD: list[dict[str, Any]] = [
    {},
    {"origin": "web"},
    {"rut": "1-k"},
    {"rut": "123456789-9"},
    {"phone": "+56983747263"},
    {"phone": "100000"},
    {"phone": 100000},
    {"wantsBenefit": True},
    {"mail": "a@b.cl"},
    {"mail": "first.last+tag@sub.example-mail.co.uk"},
    {"mail": "$%&'*@example.cl"},
    {"mail": f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.cl"},
    {"name": "🦊" * 100},
    {"name": "María José"},
    {"name": "\u202eمريم", "store": "\u200d👩\u200d👩\u200d👧\ufeff"},
    {"unknown": {"deep": [1, None]}},
]
BAD: list[tuple[str, Any]] = [
    *[("name", value) for value in ("", "   ", "x" * 101, None, 1, ["x"])],
    *[("lastname", value) for value in ("", "\t\n", "x" * 101, None)],
    *[("store", value) for value in ("", " ", "x" * 101, 7, None)],
    *[
        ("name", value)
        for value in ("a\x00b", "\x00", "a\nb", "a\x1b[31m", "a\x7f", "a\x85b", "a\x9b")
    ],
    *[("rut", value) for value in ("", "9891283", "-0", "9891283-", "9891283-x", "9.891.283-0")],
    *[("rut", value) for value in ("1234567890-1", "9891283-0 ", "9891283-00", "٣-0", 98912830)],
    *[("phone", value) for value in ("", "12345", "1" * 16, "+", "++561234567", "56 98", "a")],
    *[("phone", value) for value in (99999, 10**15, -56983747263, 1.5, True, None, ["1"])],
    *[
        ("mail", value)
        for value in ("", "a", "a@b", "@b.cl", "a@", "a b@c.cl", "a@b..cl", "a@-b.cl")
    ],
    *[("mail", value) for value in ("a@b_c.cl", "a@b.cl,c@d.cl", "ñ@b.cl", None)],
    *[("mail", value) for value in (f"{'a' * 65}@b.cl", f"a@{'b' * 64}.cl", f"a@{'b.' * 126}cl")],
    *[("wantsBenefit", value) for value in ("true", 0, 1, None)],
    *[("origin", value) for value in ("", "App", "phone", None)],
]


@pytest.mark.parametrize("changes", GOOD)
def test_a_good_lead_passes(changes: dict[str, Any]) -> None:
    VALIDATOR.check(LEAD | changes)

    assert REFERENCE.is_valid(LEAD | changes)


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_field_is_named_and_its_value_is_not(field: str, value: Any) -> None:
    lead = LEAD | {field: value}

    with pytest.raises(SchemaError) as refusal:
        VALIDATOR.check(lead)

    rule = SCHEMA["properties"][field]["description"]
    assert str(refusal.value) == f"{field}: {rule[0].lower()}{rule[1:-1]}"
    assert not REFERENCE.is_valid(lead)


@pytest.mark.parametrize("field", ["name", "store", "rut", "phone", "mail", "origin"])
def test_a_line_end_is_no_part_of_a_field(field: str) -> None:
    """Python's $ would let it through, so the reference, which uses it, is not asked."""
    with pytest.raises(SchemaError, match=f"^{field}: must (be|have) "):
        VALIDATOR.check(LEAD | {field: f"{LEAD[field]}\n"})


@pytest.mark.parametrize("field", LEAD.keys())
def test_all_of_the_articles_fields_are_required_but_the_origin(field: str) -> None:
    lead = {name: value for name, value in LEAD.items() if name != field}
    if field == "origin":
        VALIDATOR.check(lead)
        return

    with pytest.raises(SchemaError, match=f"^{field} is missing$"):
        VALIDATOR.check(lead)


@pytest.mark.parametrize("value", [None, [], "text", 1, True])
def test_a_lead_is_an_object(value: Any) -> None:
    with pytest.raises(SchemaError, match="must be a JSON object"):
        VALIDATOR.check(value)


def test_the_schema_is_itself_good() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["x-endpoints"] == {name: list(fields) for name, fields in FIELDS.items()}


def test_the_rules_fit_the_columns(migrated: CrmDatabase) -> None:
    """A value that the rules let through must not be too long for its column."""
    columns = migrated.server.execute(
        "SELECT column_name AS name, character_maximum_length AS length "
        "FROM information_schema.columns WHERE table_schema = %s AND data_type = 'varchar' "
        # Tests of other packages make tables of their own on the same server.
        "AND table_name IN ('CLIENTS', 'PARTNERS', 'BENEFIT')",
        migrated.server.name,
    )
    length = {row["name"]: row["length"] for row in columns}

    for field in ("name", "lastname", "mail", "store"):
        assert length[field] >= SCHEMA["properties"][field]["maxLength"]
    assert length["rut"] >= len("123456789-K")
    assert length["phone"] >= len("+123456789012345")


@pytest.mark.parametrize(
    ("field", "value", "normal"),
    [
        ("name", "  Camila\n", "Camila"),
        ("name", "\u00a0Camila\u3000", "Camila"),
        ("lastname", "Nu\u0301n\u0303ez", "Núñez"),
        ("store", " est_central ", "est_central"),
        ("mail", " c@d.cl\r\n", "c@d.cl"),
        ("origin", " app", "app"),
        ("rut", " 9.891.283-k ", "9891283-K"),
        ("phone", "+56 (9) 8374-72.63", "+56983747263"),
        ("phone", 56983747263.0, 56983747263),
    ],
)
def test_a_field_gets_its_one_form(field: str, value: Any, normal: Any) -> None:
    lead = normalize(LEAD | {field: value})

    assert lead == LEAD | {field: normal}
    assert normalize(lead) == lead


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("rut", 12),
        ("phone", 5.5),
        ("phone", float("inf")),
        ("phone", float("nan")),
        ("phone", None),
        ("unknown", "  kept "),
    ],
)
def test_what_has_no_such_form_is_left_as_it_is(field: str, value: Any) -> None:
    lead = LEAD | {field: value}

    assert normalize(lead)[field] is value
    assert lead[field] is value
