"""The emulator's tasks: whose they are, and what of a request policies can look at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.patches.dynamodb import leading_keys, with_leading_keys
from emulator.patches.iam import with_role_arns
from emulator.patches.ses import with_senders

TABLE = {
    "KeySchema": [
        {"AttributeName": "tenant", "KeyType": "HASH"},
        {"AttributeName": "user", "KeyType": "RANGE"},
    ]
}
MAIL = "/v2/email/outbound-emails"


@pytest.mark.parametrize(
    ("request_body", "keys"),
    [
        ({"Item": {"tenant": {"S": "acme"}, "user": {"S": "u"}}}, ["acme"]),
        ({"Key": {"tenant": {"S": "acme"}}}, ["acme"]),
        (
            {
                "KeyConditionExpression": "#t = :t AND begins_with(user, :u)",
                "ExpressionAttributeNames": {"#t": "tenant"},
                "ExpressionAttributeValues": {":t": {"S": "acme"}, ":u": {"S": "u"}},
            },
            ["acme"],
        ),
        ({}, []),
    ],
)
def test_the_partition_keys_of_a_request_are_found(request_body: Any, keys: list[str]) -> None:
    assert leading_keys(request_body, "tenant") == keys


def test_policies_can_ask_for_them() -> None:
    context = with_leading_keys(lambda _: {"other": 1}, lambda name: TABLE if name == "t" else {})
    item = {"Item": {"tenant": {"S": "acme"}}}

    assert context(json.dumps({"TableName": "t", **item}).encode()) == {
        "other": 1,
        "dynamodb:LeadingKeys": ["acme"],
    }
    assert context(json.dumps({"TableName": "unknown", **item}).encode()) == {"other": 1}
    assert context(b"no JSON") == {"other": 1}


@pytest.mark.parametrize("sender", ["a@example.com", "Acme <a@example.com>"])
def test_a_mail_is_about_the_domain_of_its_sender(sender: str) -> None:
    arn_of = with_senders(lambda *_: "*")
    body = json.dumps({"FromEmailAddress": sender}).encode()

    assert arn_of("POST", MAIL, body, "r", "1") == "arn:aws:ses:r:1:identity/example.com"
    assert arn_of("GET", "/v2/email/identities", b"", "r", "1") == "*"


def test_a_session_is_known_by_its_role() -> None:
    value_of = with_role_arns(lambda _, value: value)
    session = "arn:aws:sts::1:assumed-role/machine/task"

    assert value_of("aws:PrincipalArn", session) == "arn:aws:iam::1:role/machine"
    assert value_of("aws:PrincipalArn", "arn:aws:iam::1:root") == "arn:aws:iam::1:root"
    assert value_of("aws:userid", session) == session
