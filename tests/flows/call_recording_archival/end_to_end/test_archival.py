"""Days of recordings: pages, good and broken recordings, second runs, and missed days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.executions.executions import Execution
from ops.flows.call_recording_archival.recordings import form_of, recording
from tests.flows.call_recording_archival.support.archival import LONG_SECONDS, Archival, sox
from tests.support.platform import Platform, wait_for

COUNT = 2_500
DAY, PREFIX = "02/01/2022", "2022/02/01/"
#: Recordings of different lengths, each in many objects.
SECONDS = (0.1, 0.15, 0.2, 0.25)
ODD_KEY = f"{PREFIX}a+b c%20d \"quoted\" 'ü'_20220201T10:00_UTC.wav"
BROKEN = f"{PREFIX}broken_20220201T10:01_UTC.wav"
NOTES = f"{PREFIX}notes.txt"
ARCHIVED = f"{PREFIX}archived_20220201T10:02_UTC.wav"
MONO = f"{PREFIX}mono-16k_20220201T10:03_UTC.wav"
TAGS = {"team": "billing", "case": "4711 a+b"}
METADATA = {"contact": "31c7"}


@pytest.fixture(scope="module")
def archival(platform: Platform) -> Archival:
    return Archival(platform.settings)


@pytest.fixture(scope="module")
def originals(archival: Archival) -> dict[str, bytes]:
    """The good recordings of the day."""
    files = [recording(seconds) for seconds in SECONDS]
    keys = [f"{PREFIX}{number:04}_20220201T09:00_UTC.wav" for number in range(COUNT - 5)]
    found = {key: files[number % len(files)] for number, key in enumerate(keys)}
    archival.record(found)
    odd = {ODD_KEY: files[0], MONO: recording(0.5, rate=16_000, channels=1)}
    archival.record(odd, "team=billing&case=4711+a%2Bb", Metadata=METADATA, ContentType="audio/wav")
    return {**found, **odd}


@pytest.fixture(scope="module")
def archived(archival: Archival, originals: dict[str, bytes]) -> Iterator[Execution]:
    """The run of the day."""
    archival.record({BROKEN: recording(1.0)[:5_000], NOTES: b"no recording"})
    archival.record({ARCHIVED: recording(0.1)}, "converted=True", StorageClass="GLACIER_IR")
    yield archival.archive_day(DAY, LONG_SECONDS)
    archival.forget_letters([BROKEN])


@pytest.fixture(scope="module")
def results(archival: Archival, archived: Execution, originals: dict[str, bytes]) -> dict[str, Any]:
    """The good recordings after the run."""
    assert archived.status == "SUCCEEDED"
    return archival.read(originals)


def test_the_run_counts_every_object_of_its_pages(archival: Archival, archived: Execution) -> None:
    answer = archived.answer or {}
    visits = [run.name for run in archival.executions.history(archived.arn)]

    assert visits.count("QueueRecordings") == 3
    # The broken one is only found when it is read.
    assert (answer["queued"], answer["archived"], answer["others"]) == (COUNT - 2, 1, 1)
    assert answer["days"] == ["2022-02-01"]


def test_each_recording_has_a_quarter_of_the_size_and_its_duration(
    results: dict[str, Any], originals: dict[str, bytes], tmp_path: Path
) -> None:
    stereo = {key: found for key, found in results.items() if key != MONO}
    files = []
    for number, found in enumerate(results.values()):
        files.append(tmp_path / f"{number}.wav")
        files[-1].write_bytes(found["content"])
    samples = [form_of(one).frames * 8_000 // form_of(one).rate for one in originals.values()]

    # SoX reads each of them.
    assert set(sox(files, "-e")) == {"A-law"}
    assert set(sox(files, "-c")) == {"1"}
    assert set(sox(files, "-r")) == {"8000"}
    assert [int(line) for line in sox(files, "-s")] == samples
    for key, found in stereo.items():
        # The header of A-law is 14 bytes longer than that of PCM.
        assert len(found["content"]) - 58 == (len(originals[key]) - 44) / 4


def test_each_recording_keeps_its_tags_and_metadata_in_the_cheaper_class(
    archival: Archival, results: dict[str, Any]
) -> None:
    tags = archival.tags(results)

    assert {found["StorageClass"] for found in results.values()} == {"GLACIER_IR"}
    for key in (ODD_KEY, MONO):
        assert tags.pop(key) == {**TAGS, "converted": "True"}
        assert results[key]["Metadata"] == METADATA
        assert results[key]["ContentType"] == "audio/wav"
    assert all(found == {"converted": "True"} for found in tags.values())


def test_the_original_is_the_one_older_version(archival: Archival, archived: Execution) -> None:
    assert archival.versions(ODD_KEY) == 2
    assert archival.versions(ARCHIVED) == archival.versions(NOTES) == 1


def test_a_broken_recording_is_a_dead_letter_and_stays_as_it_is(
    archival: Archival, archived: Execution
) -> None:
    letter = archival.letters()[BROKEN]
    listed = archival.make("dead-letters", "FLOW=call_recording_archival").text
    [found] = archival.read([BROKEN]).values()

    assert letter.error == "BrokenRecording"
    assert "bytes too early" in letter.cause
    assert letter.message_id[:13] in listed
    assert "BrokenRecording" in listed
    assert found["content"] == recording(1.0)[:5_000]
    assert archival.tags([BROKEN])[BROKEN] == {}


def test_a_second_run_converts_nothing(
    archival: Archival, results: dict[str, Any], originals: dict[str, bytes]
) -> None:
    answer = archival.archive_day(DAY, LONG_SECONDS).answer or {}

    # The broken recording is tried again.
    assert (answer["queued"], answer["archived"]) == (1, COUNT - 2)
    assert archival.versions(ODD_KEY) == 2


def test_a_redriven_dead_letter_is_archived_once_it_is_repaired(archival: Archival) -> None:
    key = "2022/02/02/repaired_20220202T10:00_UTC.wav"
    archival.record({key: b"RIFF"})
    archival.archive_day("02/02/2022")
    letter = archival.letters()[key]
    archival.record({key: recording(0.2)})
    run = archival.make("redrive", f"MESSAGE={letter.message_id}", f"FLOW={archival.name}")

    assert run.code == 0, run.text
    wait_for(lambda: archival.tags([key])[key] == {"converted": "True"}, "the recording", 60)
    assert key not in archival.letters()


def test_the_schedule_calls_once_a_day(archival: Archival) -> None:
    [name] = [trigger.name for trigger in archival.flow.triggers if trigger.kind == "schedule"]
    daily = archival.aws.client("scheduler").get_schedule(GroupName=name, Name=name)

    # With a minute, or it would call every minute of the hour.
    assert daily["ScheduleExpression"] == "cron(0 23 * * ? *)"


def test_a_missed_day_is_caught_up_and_the_watermark_never_moves_back(archival: Archival) -> None:
    days = ("2025/03/01/", "2025/03/02/", "2025/03/03/", "2025/03/04/")
    keys = [f"{day}call_UTC.wav" for day in days]
    archival.record({key: recording(0.1) for key in keys})
    archival.forget_watermark()

    # The first run takes the day that is due; those of the next two days do not happen.
    first = archival.run_daily("2025-03-08T23:00:00Z")
    assert (first.answer or {})["days"] == ["2025-03-01"]
    assert archival.watermark == "2025-03-01"
    late = archival.run_daily("2025-03-11T23:00:00Z")
    assert (late.answer or {})["days"] == ["2025-03-02", "2025-03-03", "2025-03-04"]
    assert archival.watermark == "2025-03-04"
    assert all(tags == {"converted": "True"} for tags in archival.tags(keys).values())

    again = archival.run_daily("2025-03-11T23:30:00Z")
    assert (again.answer or {})["days"] == []
    archival.archive_day("03/01/2025")
    assert archival.watermark == "2025-03-04"
