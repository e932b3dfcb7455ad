"""S3 fails in every way while recordings are converted, and messages come twice: none is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ops.flows.call_recording_archival.recordings import form_of, recording
from tests.flows.call_recording_archival.support.archival import Archival
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.platform import Platform, wait_for

#: The beginnings of the requests of the converter.
READ, WRITE = b"GET /", b"PUT /"
FAULTS = {
    "a read is refused": Fault(matching=READ, status=503, delivered=False),
    "a read is cut off": Fault(matching=READ, cut=2_000),
    "a read has no answer": Fault(matching=READ, cut=0),
    "a write is refused": Fault(matching=WRITE, status=503, delivered=False),
    "a write was done, and has no answer": Fault(matching=WRITE, cut=0),
    "a write was done, and failed": Fault(matching=WRITE, status=500),
}
#: The converter's timeout, six times, after which SQS delivers a message again.
AGAIN_SECONDS = 6 * 15 + 60


@pytest.fixture(scope="module")
def archival(platform: Platform) -> Archival:
    return Archival(platform.settings)


@pytest.fixture(scope="module")
def s3_proxy(archival: Archival) -> Iterator[FaultProxy]:
    """A proxy between the converter and S3."""
    with (
        closing(FaultProxy(archival.settings.ports.emulator)) as proxy,
        archival.configured(
            {"convert_recording": {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{proxy.port}"}}
        ),
    ):
        yield proxy


def queue(archival: Archival, *keys: str) -> None:
    """Put recordings into the queue."""
    [consumer] = archival.flow.consumers
    for key in keys:
        archival.aws.client("sqs").send_message(
            QueueUrl=consumer.queue_url, MessageBody=json.dumps({"key": key})
        )


def check(archival: Archival, keys: list[str]) -> None:
    """Wait until every recording is archived; then each was converted once and none is lost."""

    def all_done() -> bool:
        return all(tags.get("converted") == "True" for tags in archival.tags(keys).values())

    wait_for(all_done, "every recording", AGAIN_SECONDS)
    for key, found in archival.read(keys).items():
        assert form_of(found["content"]).codec == 6, key
        assert archival.versions(key) == 2, key
    assert set(archival.letters()).isdisjoint(keys)


def test_s3_fails_in_every_way(archival: Archival, s3_proxy: FaultProxy) -> None:
    """Each fault hits some requests of some recordings; SQS delivers their messages again."""
    day = "2023/01/01/"
    keys = [f"{day}{number:02}_UTC.wav" for number in range(30)]
    archival.record({key: recording(0.5) for key in keys}, "team=billing")
    hits = s3_proxy.hits

    # botocore tries twice, so some pairs of faults reach the function.
    with s3_proxy.fault(*(Fault(**{**vars(fault), "times": 3}) for fault in FAULTS.values())):
        queue(archival, *keys)
        wait_for(lambda: s3_proxy.hits - hits >= 3 * len(FAULTS), "every fault", 60)

    check(archival, keys)
    assert all(tags["team"] == "billing" for tags in archival.tags(keys).values())


def test_the_same_message_many_times_at_once(archival: Archival, s3_proxy: FaultProxy) -> None:
    keys = [f"2023/01/02/{number}_UTC.wav" for number in range(4)]
    archival.record({key: recording(0.5) for key in keys})

    queue(archival, *keys * 5)

    check(archival, keys)


def test_a_run_whose_pages_are_queued_twice(archival: Archival, s3_proxy: FaultProxy) -> None:
    keys = [f"2023/01/03/{number}_UTC.wav" for number in range(5)]
    archival.record({key: recording(0.2) for key in keys})
    state: dict[str, Any] = {"day": "2023-01-03", "token": None}
    function = archival.function("QueueRecordings")
    assert archival.error_of(function, state) is None

    execution = archival.archive_day("01/03/2023", AGAIN_SECONDS)

    assert execution.status == "SUCCEEDED"
    check(archival, keys)


def test_a_reader_that_writes_meanwhile_keeps_its_recording(
    archival: Archival, s3_proxy: FaultProxy
) -> None:
    """A recording that is replaced between read and write is converted in its new form."""
    key = "2023/01/04/replaced_UTC.wav"
    archival.record({key: recording(0.2)})

    # The answer to the first read comes late, so the recording is another one by then.
    with s3_proxy.fault(Fault(matching=READ, seconds=2, times=1)):
        hits = s3_proxy.hits
        queue(archival, key)
        wait_for(lambda: s3_proxy.hits > hits, "the read", 30)
        archival.record({key: recording(0.7)})

    wait_for(lambda: archival.tags([key])[key] == {"converted": "True"}, "the recording", 90)
    [found] = archival.read([key]).values()
    assert str(form_of(found["content"])) == "A-law 8 bit, mono, 0.7 s"
