"""``make demo FLOW=user_onboarding`` shows everything that a sign-up leads to."""

from __future__ import annotations

import pytest

from ops.flows import DeployedFlow
from ops.flows.user_onboarding import demo
from ops.settings import LOCAL
from tests.support.platform import Platform


def test_the_demo_shows_a_user_and_a_failed_sign_up(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed = DeployedFlow("user_onboarding", LOCAL, platform.aws.client, platform.outputs)

    demo(deployed)
    first = capsys.readouterr().out
    demo(deployed)
    again = capsys.readouterr().out

    for text in (first, again):
        assert "SUCCEEDED" in text
        assert "ada@example.com" in text
        assert "s3://flowbridge-local-user-spaces-000000000000/acme/" in text
        assert "Subject: Welcome, Ada" in text
        assert "of tenant acme" in text
        assert '"name": "InvalidSignup"' in text
        assert '"tenantId": "acme/../globex"' in text
        assert "make send FILE=examples/user_onboarding/signups.jsonl" in text
    assert "AlreadyOnboarded" in again
