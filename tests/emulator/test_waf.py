"""A rule counts each address by itself, and forgets requests after its window."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.patches.waf import Counter, arn_of_site, refusal


def acl(limit: int, action: dict[str, Any]) -> dict[str, Any]:
    """Return a web ACL with one rule."""
    bound = {"Limit": limit, "AggregateKeyType": "IP", "EvaluationWindowSec": 60}
    rule = {
        "Name": "rate",
        "Priority": 1,
        "Action": action,
        "Statement": {"RateBasedStatement": bound},
    }
    return {"ARN": "acl", "Rules": [rule]}


def test_each_address_is_counted_by_itself() -> None:
    now = [0.0]
    counter, found = Counter(lambda: now[0]), acl(2, {"Block": {}})
    first = [counter.exceeded(found, "1.1.1.1") for _ in range(3)]

    assert first == [None, None, found["Rules"][0]]
    assert counter.exceeded(found, "2.2.2.2") is None
    now[0] = 60.0
    assert counter.exceeded(found, "1.1.1.1") is None


def test_a_rule_that_only_counts_refuses_nothing() -> None:
    counter, found = Counter(), acl(1, {"Count": {}})

    assert [counter.exceeded(found, "1.1.1.1") for _ in range(3)] == [None] * 3


def test_without_an_answer_of_its_own_a_rule_answers_403() -> None:
    found = acl(1, {"Block": {}})
    status, headers, body = refusal(found, found["Rules"][0])

    assert status == 403
    assert headers == [(b"content-type", b"application/json")]
    assert body == b'{"message": "Forbidden"}'


@pytest.mark.parametrize(
    ("host", "arn"),
    [
        (b"dabc.cloudfront.localhost:4566", "the-acl"),
        (b"dabc.cloudfront.net", "the-acl"),
        (b"dother.cloudfront.net", None),
        (b"localhost:4566", None),
    ],
)
def test_a_site_has_the_firewall_of_its_distribution(host: bytes, arn: str | None) -> None:
    class CloudFront:
        class _distributions:  # noqa: N801  MiniStack's name
            _data = {  # noqa: RUF012
                "1": {
                    "DomainName": "dabc.cloudfront.net",
                    "config_xml": "<c><WebACLId>the-acl</WebACLId></c>",
                }
            }

    assert arn_of_site({"headers": [(b"host", host)]}, CloudFront) == arn
