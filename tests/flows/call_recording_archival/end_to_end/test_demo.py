"""``make demo FLOW=call_recording_archival`` archives a day of calls."""

from __future__ import annotations

import pytest

from ops.flows import DeployedFlow
from ops.flows.call_recording_archival.demo import BROKEN, CALLS, DAY, demo
from ops.settings import LOCAL
from tests.flows.call_recording_archival.support.archival import FLOW, Archival
from tests.support.platform import Platform


def test_the_demo_shows_calls_before_and_after_and_what_they_cost(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    archival = Archival(platform.settings)

    demo(DeployedFlow(FLOW, LOCAL, archival.aws.client, archival.outputs))

    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "3 calls, a broken recording, and a file that is not a recording",
        "4 queued, 1 other file",
        "BrokenRecording",
        '"name": "InvalidEvent"',
        "$362,664",
        "$41,838",
    ):
        assert part in text
    day = archival.output["recordings"]["prefix"] + DAY
    found = archival.read(f"{day}/{name}" for name, _, _ in CALLS)
    assert {one["StorageClass"] for one in found.values()} == {"GLACIER_IR"}
    archival.forget_letters([f"{day}/{BROKEN}"])
    archival.forget_failures()
