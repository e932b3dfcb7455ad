"""A recording is replaced by one request, with everything that belongs to it, or left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from call_recording_archival import archive as archiving
from call_recording_archival import convert_recording, queue_recordings
from call_recording_archival.archive import archive
from call_recording_archival.errors import (
    BrokenRecording,
    NeedsRestore,
    QueueUnavailable,
    RecordingChanged,
    TooManyTags,
)
from flowbridge.clients import client
from ops.flows.call_recording_archival.recordings import form_of, recording
from tests.support.functions import LambdaContext

BUCKET, KEY = "recordings", "2022/01/01/a+b c%20_UTC.wav"
CALL = recording(0.1)


@pytest.fixture
def s3(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for name, value in {
        "RECORDINGS_BUCKET": BUCKET,
        "RECORDINGS_PREFIX": "/",
        "STORAGE_CLASS": "GLACIER_IR",
        "OVERWRITE_PREVIOUS_CONVERTED": "false",
        "PAGE_SIZE": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    return client


def put(s3: Any, tags: str = "", key: str = KEY, **more: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=CALL, Tagging=tags, **more)


def tags_of(s3: Any, key: str = KEY) -> dict[str, str]:
    found = s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def replace(overwrites: bool = False, storage_class: str = "GLACIER_IR") -> str:
    return archive(BUCKET, KEY, storage_class, overwrites)


def test_a_recording_keeps_all_that_belongs_to_it(s3: Any) -> None:
    put(
        s3,
        "team=billing&note=a%2Bb+c",
        Metadata={"contact": "31c7"},
        ContentType="audio/wav",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="arn:aws:kms:us-east-1:123456789012:key/recordings",
    )

    assert replace(storage_class="STANDARD_IA") == "archived"

    found = s3.get_object(Bucket=BUCKET, Key=KEY)
    assert str(form_of(found["Body"].read())) == "A-law 8 bit, mono, 0.1 s"
    assert tags_of(s3) == {"team": "billing", "note": "a+b c", "converted": "True"}
    assert (found["Metadata"], found["ContentType"]) == ({"contact": "31c7"}, "audio/wav")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == (
        "aws:kms",
        "arn:aws:kms:us-east-1:123456789012:key/recordings",
    )
    assert found["StorageClass"] == "STANDARD_IA"
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 2


def test_an_archived_recording_is_left_alone_unless_it_is_asked_for(s3: Any) -> None:
    put(s3)
    replace()

    assert replace() == "archived before"
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 2
    assert replace(overwrites=True) == "archived"
    assert tags_of(s3) == {"converted": "True"}


def test_a_deleted_recording_is_no_error(s3: Any) -> None:
    assert replace() == "gone"


def test_a_broken_recording_stays_as_it_is(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=CALL[:100])

    with pytest.raises(BrokenRecording):
        replace()

    assert tags_of(s3) == {}
    assert len(s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 1


def test_a_recording_needs_room_for_the_tag(s3: Any) -> None:
    put(s3, "&".join(f"tag{number}=x" for number in range(10)))

    with pytest.raises(TooManyTags):
        replace()


class Changing:
    """S3, in which another writer replaces the recording so many times between read and write."""

    def __init__(self, s3: Any, times: int) -> None:
        self._s3, self._times = s3, times
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:
        self.asked.append(request["IfMatch"])
        if self._times:
            self._times -= 1
            content = recording(0.2 + self._times / 10)
            self._s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
        current = self._s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
        if request["IfMatch"] != current:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        return self._s3.put_object(**{k: v for k, v in request.items() if k != "IfMatch"})


def test_a_recording_that_is_replaced_meanwhile_is_read_again(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3)
    changing = Changing(s3, times=1)
    monkeypatch.setattr(archiving, "client", lambda *_: changing)

    assert replace() == "archived"

    assert len(changing.asked) == 2
    content = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    assert str(form_of(content)) == "A-law 8 bit, mono, 0.2 s"


def test_a_recording_that_never_stays_is_tried_later(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3)
    changing = Changing(s3, times=9)
    monkeypatch.setattr(archiving, "client", lambda *_: changing)

    with pytest.raises(RecordingChanged):
        replace()


def refusing(code: str) -> Any:
    """Return an S3 that refuses to read."""

    def get_object(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": code}}, "GetObject")

    return SimpleNamespace(get_object=get_object)


def test_a_recording_in_glacier_must_be_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "client", lambda *_: refusing("InvalidObjectState"))

    with pytest.raises(NeedsRestore, match="RestoreObject"):
        replace()


def test_any_other_refusal_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "client", lambda *_: refusing("SlowDown"))

    with pytest.raises(ClientError, match="SlowDown"):
        replace()


@pytest.mark.parametrize("body", ["", "[]", '{"key": 7}', '{"key": ""}', "no JSON"])
def test_a_message_that_names_no_recording_is_set_aside(
    body: str, s3: Any, aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", url)
    record = {"messageId": "1", "body": body or " "}

    report = convert_recording.handler({"Records": [record]}, LambdaContext())

    [message] = aws("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert report == {"batchItemFailures": []}
    assert message["MessageAttributes"]["errorName"]["StringValue"] == "UnknownMessage"


def test_the_converter_archives_what_a_message_names(s3: Any) -> None:
    put(s3)
    record = {"messageId": "1", "body": json.dumps({"key": KEY})}

    assert convert_recording.handler({"Records": [record]}, LambdaContext()) == {
        "batchItemFailures": []
    }
    assert tags_of(s3) == {"converted": "True"}


@pytest.fixture
def queue(aws: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return a function that reads the keys in the queue."""
    url = aws("sqs").create_queue(QueueName="convert")["QueueUrl"]
    monkeypatch.setenv("CONVERT_QUEUE_URL", url)

    def keys() -> list[str]:
        found: list[str] = []
        while (
            messages := aws("sqs")
            .receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            .get("Messages")
        ):
            found += [json.loads(message["Body"])["key"] for message in messages]
        return sorted(found)

    return keys


def test_a_page_holds_a_token_and_no_key(
    s3: Any, queue: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGE_SIZE", "12")
    names = [f"2022/01/01/{number:02}.WAV" for number in range(15)]
    for name in names:
        put(s3, key=name)

    first = queue_recordings.handler({"day": "2022-01-01", "token": None}, LambdaContext())
    second = queue_recordings.handler(
        {"day": "2022-01-01", "token": first["token"]}, LambdaContext()
    )

    assert (first["queued"], second["queued"], second["token"]) == (12, 3, None)
    assert names[0] not in json.dumps(first)
    assert queue() == names


def test_only_recordings_that_are_not_archived_are_queued(
    s3: Any, queue: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = "2022/01/01/"
    put(s3, key=f"{day}new.wav")
    put(s3, key=f"{day}moved.wav", StorageClass="GLACIER_IR")
    put(s3, "converted=True", key=f"{day}done.wav", StorageClass="GLACIER_IR")
    put(s3, key=f"{day}notes.txt")
    put(s3, key="2022/01/02/other.wav")
    state = {"day": "2022-01-01", "token": None}

    answer = queue_recordings.handler(state, LambdaContext())

    assert answer == {"token": None, "queued": 2, "archived": 1, "others": 1}
    assert queue() == [f"{day}moved.wav", f"{day}new.wav"]
    monkeypatch.setenv("OVERWRITE_PREVIOUS_CONVERTED", "true")
    assert queue_recordings.handler(state, LambdaContext())["queued"] == 3


def test_messages_that_sqs_refuses_fail_the_page(
    s3: Any, queue: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, key="2022/01/01/new.wav")
    refusing_queue = SimpleNamespace(send_message_batch=lambda **_: {"Failed": [{"Id": "0"}]})
    monkeypatch.setattr(
        queue_recordings,
        "client",
        lambda service, *rest: refusing_queue if service == "sqs" else client(service, *rest),
    )

    with pytest.raises(QueueUnavailable, match="1 messages"):
        queue_recordings.handler({"day": "2022-01-01", "token": None}, LambdaContext())
