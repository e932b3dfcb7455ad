"""Hostile events, states, messages and files: an answer, or an error that the workflow knows."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from call_recording_archival import archive as archiving
from call_recording_archival import audio, choose_days, convert_recording
from call_recording_archival.errors import InvalidEvent, PermanentError
from flowbridge import queue_batch
from ops.flows.call_recording_archival.recordings import recording
from tests.support.functions import LambdaContext
from tests.support.hostile import attempt, cases, check_log, json_values

GOOD = recording(0.05)
CONTEXT = LambdaContext()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NUM_DAYS_AGE": "7",
        "MOST_DAYS": "31",
        "FIRST_DAY": "newest",
        "RECORDINGS_BUCKET": "recordings",
        "STORAGE_CLASS": "GLACIER_IR",
        "OVERWRITE_PREVIOUS_CONVERTED": "false",
        "DEAD_LETTER_QUEUE_URL": "https://sqs/dead",
    }.items():
        monkeypatch.setenv(name, value)


def test_any_event_names_days_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @cases(200)
    @given(
        event=json_values
        | st.fixed_dictionaries(
            {"time": st.text() | st.datetimes().map(str), "detail": json_values}
        )
        | st.fixed_dictionaries(
            {
                "time": st.datetimes().map(str),
                "detail": st.fixed_dictionaries(
                    {"specific_date": st.text() | st.dates().map(lambda d: f"{d:%m/%d/%Y}")}
                ),
            }
        ),
        watermark=st.none() | st.dates().map(str),
    )
    def run(event: Any, watermark: str | None) -> None:
        monkeypatch.setattr(choose_days, "watermark", lambda: watermark)
        answer, error = attempt(lambda: choose_days.handler(event, CONTEXT), InvalidEvent)
        if error is None:
            assert len(answer["days"]) <= 31
            assert answer["days"] == sorted(answer["days"])

    run()


def test_any_file_is_converted_or_refused() -> None:
    @cases(300)
    @given(
        content=st.binary(max_size=400)
        | st.binary(max_size=60).map(lambda end: GOOD[:44] + end)
        | st.tuples(st.integers(0, 43), st.binary(min_size=1, max_size=4)).map(
            lambda change: GOOD[: change[0]] + change[1] + GOOD[change[0] + len(change[1]) :]
        )
    )
    def run(content: bytes) -> None:
        answer, error = attempt(lambda: audio.convert(io.BytesIO(content)), PermanentError)
        if error is None:
            (size,) = struct.unpack_from("<I", answer, 4)
            assert size == len(answer) - 8

    run()


def test_any_message_asks_for_one_object_or_is_set_aside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    set_aside: list[str] = []

    def get_object(Bucket: str, Key: str) -> Any:  # noqa: N803  boto3's
        assert Bucket == "recordings"
        asked.append(Key)
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    s3 = SimpleNamespace(get_object=get_object)
    sqs = SimpleNamespace(send_message=lambda **message: set_aside.append(message["MessageBody"]))
    clients: Callable[..., Any] = lambda *_: s3  # noqa: E731
    monkeypatch.setattr(archiving, "client", clients)
    monkeypatch.setattr(queue_batch, "client", lambda *_: sqs)

    @cases(200)
    @given(
        body=st.text()
        | json_values.map(json.dumps)
        | st.text(min_size=1).map(lambda key: json.dumps({"key": key, "bucket": "another"}))
    )
    def run(body: str) -> None:
        asked.clear()
        set_aside.clear()
        report = convert_recording.handler({"Records": [{"messageId": "1", "body": body}]}, CONTEXT)
        assert report == {"batchItemFailures": []}
        assert len(asked) + len(set_aside) == 1
        if asked:
            assert asked == [json.loads(body)["key"]]
        else:
            assert set_aside == [body]
        check_log(caplog.records)

    run()
