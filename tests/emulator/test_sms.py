"""The stand-in of AWS End User Messaging SMS: it sends, obeys opt-outs, and publishes replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.services import Refused
from emulator.stand_ins.sms import Reply, Sms, page, refusal, resource_of

PLACE = "us-east-1:111111111111"
PHONE = "+12065550100"
TOPIC = f"arn:aws:sns:{PLACE}:replies"


class Published:
    """Keeps what is published; refuses it with `problem`."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.problem = ""

    def __call__(self, topic: str, number: dict[str, Any], text: str) -> str:
        assert topic == TOPIC
        self.texts.append(json.loads(text))
        return self.problem


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def sms(published: Published) -> Sms:
    return Sms(lambda: PLACE, published, lambda: 1000.0)


@pytest.fixture
def number(sms: Sms) -> dict[str, Any]:
    sms.create_opt_out_list({"OptOutListName": "list"})
    made = sms.request_phone_number(
        {
            "IsoCountryCode": "US",
            "MessageType": "TRANSACTIONAL",
            "NumberCapabilities": ["SMS"],
            "NumberType": "SIMULATOR",
            "OptOutListName": "list",
            "Tags": [{"Key": "flow", "Value": "incident"}],
        }
    )
    return sms.update_phone_number(
        {"PhoneNumberId": made["PhoneNumberId"], "TwoWayEnabled": True, "TwoWayChannelArn": TOPIC}
    )


def message(identity: str, body: str = "Hello", **more: Any) -> dict[str, Any]:
    return {
        "DestinationPhoneNumber": PHONE,
        "OriginationIdentity": identity,
        "MessageBody": body,
        **more,
    }


@pytest.mark.parametrize("identity", ["PhoneNumberArn", "PhoneNumberId", "PhoneNumber"])
def test_a_message_is_kept_with_its_numbers(
    sms: Sms, number: dict[str, Any], identity: str
) -> None:
    sent = sms.send_text_message(message(number[identity], Context={"incident": "1"}))

    assert list(sms.places[PLACE].messages) == [
        {
            "id": sent["MessageId"],
            "from": number["PhoneNumber"],
            "to": PHONE,
            "body": "Hello",
            "at": 1000.0,
            "context": {"incident": "1"},
        }
    ]
    assert "Hello" in page(sms)


def test_a_dry_run_sends_nothing(sms: Sms, number: dict[str, Any]) -> None:
    assert sms.send_text_message(message(number["PhoneNumberId"], DryRun=True))["MessageId"]
    assert not sms.places[PLACE].messages


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"OriginationIdentity": "phone-none"}, "ResourceNotFoundException"),
        ({"ConfigurationSetName": "none"}, "ResourceNotFoundException"),
        ({"DestinationPhoneNumber": "0800"}, "ValidationException"),
        ({"MessageBody": "  "}, "ValidationException"),
    ],
)
def test_a_wrong_message_is_refused(
    sms: Sms, number: dict[str, Any], change: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        sms.send_text_message({**message(number["PhoneNumberId"]), **change})

    assert refused.value.code == code


def test_a_reply_names_the_message_before_it(
    sms: Sms, number: dict[str, Any], published: Published
) -> None:
    sms.send_text_message(message(number["PhoneNumberId"]))
    newest = sms.send_text_message(message(number["PhoneNumberId"]))
    sms.reply(PLACE, Reply(PHONE, number["PhoneNumber"], "Yes."))

    [text] = published.texts
    assert text.pop("inboundMessageId")
    assert text.pop("messageKeyword").startswith("KEYWORD")
    assert text == {
        "originationNumber": PHONE,
        "destinationNumber": number["PhoneNumber"],
        "messageBody": "Yes.",
        "previousPublishedMessageId": newest["MessageId"],
    }


def test_a_reply_of_a_stranger_names_no_message(
    sms: Sms, number: dict[str, Any], published: Published
) -> None:
    sms.reply(PLACE, Reply("+12065559999", number["PhoneNumber"], "yes"))

    assert "previousPublishedMessageId" not in published.texts[0]


def test_a_number_without_a_topic_takes_no_reply(sms: Sms, number: dict[str, Any]) -> None:
    sms.update_phone_number({"PhoneNumberId": number["PhoneNumberId"], "TwoWayEnabled": False})

    with pytest.raises(Refused, match="takes no replies"):
        sms.reply(PLACE, Reply(PHONE, number["PhoneNumber"], "yes"))


def test_a_reply_that_the_topic_refuses_is_an_error(
    sms: Sms, number: dict[str, Any], published: Published
) -> None:
    published.problem = "no"

    with pytest.raises(Refused, match="no"):
        sms.reply(PLACE, Reply(PHONE, number["PhoneNumber"], "yes"))


def test_stop_ends_all_messages_until_the_phone_is_taken_off_the_list(
    sms: Sms, number: dict[str, Any]
) -> None:
    sms.reply(PLACE, Reply(PHONE, number["PhoneNumber"], " stop "))
    with pytest.raises(Refused) as refused:
        sms.send_text_message(message(number["PhoneNumberId"]))
    assert refused.value.fields == {"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}
    [entry] = sms.describe_opted_out_numbers({"OptOutListName": "list"})["OptedOutNumbers"]
    assert entry["EndUserOptedOut"] is True

    sms.delete_opted_out_number({"OptOutListName": "list", "OptedOutNumber": PHONE})

    assert sms.send_text_message(message(number["PhoneNumberId"]))


def test_a_number_may_manage_opt_outs_itself(sms: Sms, number: dict[str, Any]) -> None:
    sms.update_phone_number(
        {"PhoneNumberId": number["PhoneNumberId"], "SelfManagedOptOutsEnabled": True}
    )
    sms.reply(PLACE, Reply(PHONE, number["PhoneNumber"], "STOP"))

    assert sms.send_text_message(message(number["PhoneNumberId"]))


def test_messages_fail_as_a_test_asks(sms: Sms, number: dict[str, Any]) -> None:
    sms.faults[PHONE].append("ThrottlingException")
    with pytest.raises(Refused) as refused:
        sms.send_text_message(message(number["PhoneNumberId"]))

    assert refused.value.code == "ThrottlingException"
    assert sms.send_text_message(message(number["PhoneNumberId"]))
    assert len(sms.places[PLACE].messages) == 1


def test_the_page_shows_messages_as_text(sms: Sms, number: dict[str, Any]) -> None:
    sms.send_text_message(message(number["PhoneNumberId"], "<script>"))

    assert "<script>" not in page(sms)


def test_a_topic_must_let_the_number_publish() -> None:
    number = {"PhoneNumberArn": f"arn:aws:sms-voice:{PLACE}:phone-number/phone-1"}

    assert refusal(TOPIC, number, lambda *_: True) == ""
    assert "does not let" in refusal(TOPIC, number, lambda *_: False)


@pytest.mark.parametrize(
    ("operation", "asked", "resource"),
    [
        ("SendTextMessage", {"OriginationIdentity": "phone-1"}, "phone-number/phone-1"),
        ("DescribePhoneNumbers", {}, "*"),
        ("DeleteOptOutList", {"OptOutListName": "list"}, "opt-out-list/list"),
        ("RequestPhoneNumber", {"OptOutListName": "list"}, "phone-number/*"),
    ],
)
def test_a_request_has_a_resource(operation: str, asked: dict[str, str], resource: str) -> None:
    expected = resource if resource == "*" else f"arn:aws:sms-voice:{PLACE}:{resource}"

    assert resource_of(operation, asked, PLACE) == expected
