"""Audio becomes A-law, mono, 8 kHz, of the same duration, or is refused."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from call_recording_archival import audio
from call_recording_archival.errors import BrokenRecording, UnsupportedAudio
from call_recording_archival.wav import A_LAW, MU_LAW, PCM, a_law_file
from ops.flows.call_recording_archival.recordings import form_of, recording
from tests.flows.call_recording_archival.support.archival import sox

#: Of the codes of all samples, as Python 3.11's audioop made them.
CODES = "f77c76aa923ee25617453f87514828a12896227f82ff383bf3bb53d6ac7c2a0f"


def wav(
    samples: bytes,
    codec: int = PCM,
    channels: int = 2,
    rate: int = 8_000,
    bits: int = 16,
    size: int | None = None,
    before: bytes = b"",
) -> bytes:
    """Return a WAV file, which may be wrong."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", codec, channels, rate, rate * frame, frame, bits)
    data = struct.pack("<4sI", b"data", len(samples) if size is None else size)
    chunks = struct.pack("<4sI", b"fmt ", len(form)) + form + before + data + samples
    return struct.pack("<4sI4s", b"RIFF", len(chunks) + 4, b"WAVE") + chunks


def converted(content: bytes) -> bytes:
    return audio.convert(io.BytesIO(content))


def samples_of(content: bytes) -> list[int]:
    """Return the samples of an archived recording as 16 bits."""
    start = content.index(b"data") + 8
    (size,) = struct.unpack_from("<I", content, start - 4)
    return [audio.linear_of_a_law(code) for code in content[start : start + size]]


def test_every_sample_has_the_code_of_the_standard() -> None:
    assert sha256(audio.codes()).hexdigest() == CODES
    # A code that is decoded and encoded is itself again.
    assert [audio.a_law(audio.linear_of_a_law(code)) for code in range(256)] == list(range(256))


def test_mu_law_is_decoded_as_the_standard_says() -> None:
    assert [audio.linear_of_mu_law(code) for code in (0x00, 0x80, 0xFF, 0x7F, 0x0F)] == [
        -32_124, 32_124, 0, 0, -16_764,
    ]  # fmt: skip


def test_a_minute_of_a_call_shrinks_from_2_to_half_a_megabyte() -> None:
    minute = wav(b"\x10\x00\x20\x00" * 8_000 * 60)

    found = converted(minute)

    assert len(minute) == pytest.approx(2_000_000, rel=0.05)
    assert len(found) == pytest.approx(500_000, rel=0.05)
    assert len(found) / len(minute) == pytest.approx(0.25, rel=0.001)


def test_the_two_voices_are_mixed() -> None:
    frames = [(1_000, 3_000), (-32_768, -32_768), (32_767, 32_767), (32_767, -32_768), (-5, 0)]
    content = wav(b"".join(struct.pack("<hh", *frame) for frame in frames))

    means = [int((left + right) / 2) for left, right in frames]
    expected = [audio.linear_of_a_law(audio.a_law(mean)) for mean in means]
    assert samples_of(converted(content)) == expected


def test_blocks_end_between_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    content = recording(0.5)
    whole = converted(content)
    monkeypatch.setattr(audio, "BLOCK_BYTES", 10)

    assert converted(content) == whole
    three = wav(b"\1\0\2\0\3\0" * 50, channels=3)
    assert len(samples_of(converted(three))) == 50


@pytest.mark.parametrize(
    ("codec", "bits", "channels"),
    [(PCM, 16, 1), (PCM, 8, 1), (PCM, 8, 2), (A_LAW, 8, 2), (MU_LAW, 8, 1), (MU_LAW, 8, 2)],
)
def test_other_forms_sound_the_same(codec: int, bits: int, channels: int) -> None:
    tone = [int(10_000 * math.sin(number / 4)) for number in range(400)]
    nearest: dict[tuple[int, int], Callable[[int], int]] = {
        (PCM, 8): lambda sample: (sample >> 8) + 128,
        (A_LAW, 8): audio.a_law,
        (MU_LAW, 8): lambda sample: min(
            range(256), key=lambda code: abs(audio.linear_of_mu_law(code) - sample)
        ),
    }
    one = (
        [struct.pack("<h", sample) for sample in tone]
        if bits == 16
        else [bytes([nearest[codec, bits](sample)]) for sample in tone]
    )
    content = wav(b"".join(sample * channels for sample in one), codec, channels, bits=bits)

    found = samples_of(converted(content))

    assert len(found) == len(tone)
    assert max(abs(a - b) for a, b in zip(found, tone, strict=True)) < 700


def test_an_archived_recording_stays_byte_for_byte() -> None:
    once = converted(recording(0.3))

    assert converted(once) == once


@pytest.mark.parametrize("rate", [16_000, 44_100, 11_025, 6_000])
def test_another_rate_becomes_8_khz_without_noise(rate: int) -> None:
    wave = [int(20_000 * math.sin(2 * math.pi * 440 * number / rate)) for number in range(rate)]
    content = wav(struct.pack(f"<{rate}h", *wave), channels=1, rate=rate)

    found = samples_of(converted(content))

    wanted = [20_000 * math.sin(2 * math.pi * 440 * number / 8_000) for number in range(8_000)]
    error = sum((a - b) ** 2 for a, b in zip(found[100:-100], wanted[100:-100], strict=True))
    power = sum(b**2 for b in wanted[100:-100])
    assert len(found) == 8_000
    # A-law alone has some 37 dB.
    assert 10 * math.log10(power / error) > 35


def test_frequencies_that_8_khz_cannot_hold_are_removed() -> None:
    wave = [int(20_000 * math.sin(2 * math.pi * 6_000 * n / 16_000)) for n in range(16_000)]
    content = wav(struct.pack("<16000h", *wave), channels=1, rate=16_000)

    assert max(map(abs, samples_of(converted(content))[200:-200])) < 200


def test_other_chunks_and_unknown_sizes_are_read() -> None:
    samples = b"\1\0\2\0" * 9
    comment = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    streamed = wav(samples, size=0xFFFFFFFF)

    assert samples_of(converted(wav(samples, before=comment))) == samples_of(
        converted(wav(samples))
    )
    assert len(samples_of(converted(streamed))) == 9


def test_an_extensible_format_names_its_codec_later() -> None:
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 8_000, 32_000, 4, 16, 22, 16, 3)
    form += struct.pack("<H", PCM) + bytes(14)
    chunks = struct.pack("<4sI", b"fmt ", len(form)) + form
    chunks += struct.pack("<4sI", b"data", 8) + b"\1\0\2\0" * 2
    content = struct.pack("<4sI4s", b"RIFF", len(chunks) + 4, b"WAVE") + chunks

    assert len(samples_of(converted(content))) == 2


GOOD = wav(b"\1\0\2\0" * 100)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no recording at all, but long enough for a header",
        GOOD[:30],
        GOOD[:-1],
        wav(b"\1\0\2\0\3"),
        wav(b""),
        GOOD.replace(b"fmt ", b"fmt\0"),
        struct.pack("<4sI4s4sI", b"RIFF", 4, b"WAVE", b"LIST", 0x7FFFFFFF),
        struct.pack("<4sI4s", b"RIFF", 4, b"WAVE") + struct.pack("<4sI2s", b"fmt ", 2, b"\1\0"),
    ],
    ids=["empty", "text", "header", "cut", "half a frame", "silence", "no format", "huge", "short"],
)
def test_a_broken_file_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenRecording):
        converted(content)


@pytest.mark.parametrize(
    "form", [{"codec": 0x55}, {"bits": 24}, {"channels": 9}, {"rate": 1_000}, {"channels": 0}]
)
def test_a_form_that_is_not_converted_is_refused(form: dict[str, int]) -> None:
    with pytest.raises(UnsupportedAudio):
        converted(wav(b"\1\0" * 72, **form))  # type: ignore[arg-type]


def test_sox_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(converted(recording(1.3)))

    assert [sox([file], option)[0] for option in ("-e", "-c", "-r", "-b", "-s")] == [
        "A-law", "1", "8000", "8", "10400",
    ]  # fmt: skip
    assert form_of(file.read_bytes()).frames == 10_400


def test_an_odd_number_of_samples_is_padded() -> None:
    content = a_law_file(b"abc", 8_000)

    assert len(content) % 2 == 0
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
