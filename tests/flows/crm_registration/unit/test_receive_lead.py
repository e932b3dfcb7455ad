"""ReceiveLead: the lead comes out of the event checked and in its one form, or not at all."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from crm_registration.errors import InvalidLead
from crm_registration.receive_lead import handler
from flowbridge.event_detail import MAX_BYTES
from ops.settings import REPOSITORY
from tests.support.functions import LEAD, LambdaContext, logged, personal_data_in

EXAMPLES = REPOSITORY / "examples" / "crm_registration"


def event(detail: Any) -> dict[str, Any]:
    """Return what EventBridge hands over."""
    return {
        "version": "0",
        "id": "event-1",
        "detail-type": "CRM Registration ",
        "source": "kranio.event.crm",
        "detail": detail,
    }


def test_the_lead_is_the_events_detail(context: LambdaContext) -> None:
    assert handler(event(LEAD), context) == LEAD


def test_the_examples_are_as_they_say(context: LambdaContext) -> None:
    assert handler(json.loads((EXAMPLES / "event.json").read_text()), context) == LEAD
    for line in (EXAMPLES / "leads.jsonl").read_text().splitlines():
        handler(json.loads(line), context)
    with pytest.raises(InvalidLead, match="the lead is not valid: rut: must be digits"):
        handler(json.loads((EXAMPLES / "bad_event.json").read_text()), context)


def test_the_lead_is_normalized_and_the_event_is_not(context: LambdaContext) -> None:
    loose = LEAD | {"rut": " 9.891.283-0", "name": " Camila ", "phone": 56983747263.0}
    given = event(dict(loose))

    assert handler(given, context) == LEAD
    assert given == event(loose)


def test_fields_that_nobody_knows_pass_through(context: LambdaContext) -> None:
    extra = {"campaign": " 🦊 ", "scores": [1.5, None, {"a": True}]}

    assert handler(event(LEAD | extra), context) == LEAD | extra


def test_what_step_functions_could_not_pass_on_is_refused_while_it_can_be_caught(
    context: LambdaContext,
) -> None:
    room = MAX_BYTES - len(json.dumps(LEAD | {"more": ""}, ensure_ascii=False).encode())
    fits = LEAD | {"more": "ñ" * (room // 2)}

    assert handler(event(fits), context) == fits
    with pytest.raises(InvalidLead, match="the limit is 245,760"):
        handler(event(LEAD | {"more": "ñ" * (room // 2 + 1)}), context)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        1,
        {},
        event(None),
        event([LEAD]),
        event(json.dumps(LEAD)),
        {"Detail": LEAD},
    ],
)
def test_an_event_without_a_lead_is_refused(value: Any, context: LambdaContext) -> None:
    with pytest.raises(InvalidLead, match="the event has no 'detail' object"):
        handler(value, context)


def test_an_empty_lead_lacks_everything(context: LambdaContext) -> None:
    message = (
        r"^the lead is not valid: "
        r"name, lastname, rut, phone, mail, store, wantsBenefit are missing$"
    )
    with pytest.raises(InvalidLead, match=message):
        handler(event({}), context)


@pytest.mark.parametrize(
    "changes",
    [{"name": "Camila \ud83e"}, {"note": "\udd8a"}, {"\ud83e": 1}, {"score": float("nan")}],
)
def test_what_the_next_state_cannot_get_is_refused(
    changes: dict[str, Any], context: LambdaContext
) -> None:
    with pytest.raises(InvalidLead, match="NaN, Infinity or a lone surrogate"):
        handler(event(LEAD | changes), context)


def test_no_personal_data_is_logged_or_raised(
    context: LambdaContext, logs: list[logging.LogRecord]
) -> None:
    handler(event(LEAD), context)
    with pytest.raises(InvalidLead) as refusal:
        handler(event(LEAD | {"mail": "csaavedra"}), context)

    assert '"event_id": "event-1"' in logged(logs)
    assert personal_data_in(logged(logs) + str(refusal.value)) == []
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
