"""``make demo FLOW=appflow_catalog`` shows the tables of three exports."""

from __future__ import annotations

import pytest

from ops.flows import DeployedFlow
from ops.flows.appflow_catalog import demo
from ops.settings import LOCAL
from tests.support.platform import Platform


def test_the_demo_shows_three_tables_and_a_bad_report(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(DeployedFlow("appflow_catalog", LOCAL, platform.aws.client, platform.outputs))
    text = capsys.readouterr().out

    for format_name in ("csv", "parquet", "json"):
        assert format_name in text
    assert '"name": "InvalidEvent"' in text
