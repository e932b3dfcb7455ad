"""Read and write the header of a WAV file.

https://learn.microsoft.com/windows/win32/medfound/tutorial--decoding-audio has the chunks, and
RFC 2361 the numbers of the codecs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from call_recording_archival.errors import BrokenRecording, UnsupportedAudio

PCM = 0x0001
A_LAW = 0x0006
MU_LAW = 0x0007
#: The codec is at the beginning of the format's extension.
EXTENSIBLE = 0xFFFE
#: Sizes of a file that was written as a stream: its end is not known.
UNKNOWN_SIZES = (0, 0xFFFFFFFF)
#: Chunks before the samples, such as comments; a file with more of them is not one.
LONGEST_HEADER = 1024 * 1024
RIFF = struct.Struct("<4sI4s")
CHUNK = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHIIHH")


class Readable(Protocol):
    """A stream of bytes, such as the body of an object of S3."""

    def read(self, amt: int = ..., /) -> bytes:
        """Return at most so many bytes; none at the end."""


@dataclass(frozen=True)
class Format:
    """The form of the samples in a WAV file.

    Parameters
    ----------
    codec
        ``PCM``, ``A_LAW`` or ``MU_LAW``.
    channels
        How many channels a frame has.
    rate
        Frames per second.
    bits
        Bits of a sample.
    """

    codec: int
    channels: int
    rate: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: a sample of each channel."""
        return self.channels * self.bits // 8


def read_exactly(stream: Readable, count: int) -> bytes:
    """Return so many bytes of a stream.

    Raises
    ------
    BrokenRecording
        When the stream ends before.
    """
    parts: list[bytes] = []
    missing = count
    while missing:
        part = stream.read(missing)
        if not part:
            raise BrokenRecording(f"the file ends {missing:,} bytes too early")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_header(stream: Readable) -> tuple[Format, int | None]:
    """Read a stream up to its samples; return their form, and their bytes if these are known.

    Raises
    ------
    BrokenRecording
        When the stream is not a WAV file.
    UnsupportedAudio
        When its form is not converted.
    """
    riff, _, wave = RIFF.unpack(read_exactly(stream, RIFF.size))
    if (riff, wave) != (b"RIFF", b"WAVE"):
        raise BrokenRecording("the file does not begin like a WAV file")
    found: Format | None = None
    read = 0
    while read < LONGEST_HEADER:
        name, size = CHUNK.unpack(read_exactly(stream, CHUNK.size))
        if name == b"data":
            if found is None:
                raise BrokenRecording("the samples come before their format")
            return found, None if size in UNKNOWN_SIZES else size
        # A chunk with an odd size is followed by one byte.
        padded = size + size % 2
        if padded > LONGEST_HEADER:
            break
        content = read_exactly(stream, padded)
        read += CHUNK.size + padded
        if name == b"fmt ":
            found = _format(content[:size])
    raise BrokenRecording("the file has no samples")


def _format(content: bytes) -> Format:
    if len(content) < FORMAT.size:
        raise BrokenRecording("the format of the samples is incomplete")
    codec, channels, rate, _, _, bits = FORMAT.unpack(content[: FORMAT.size])
    if codec == EXTENSIBLE:
        if len(content) < 26:
            raise BrokenRecording("the format of the samples is incomplete")
        (codec,) = struct.unpack_from("<H", content, 24)
    if (codec, bits) not in ((PCM, 16), (PCM, 8), (A_LAW, 8), (MU_LAW, 8)):
        raise UnsupportedAudio(
            f"the samples have codec {codec} and {bits} bits; converted are PCM of 8 and 16 bits, "
            "A-law and mu-law"
        )
    if not 1 <= channels <= 8:
        raise UnsupportedAudio(f"the file has {channels} channels; 1 to 8 are converted")
    if not 4_000 <= rate <= 192_000:
        raise UnsupportedAudio(f"the file has {rate:,} Hz; 4,000 to 192,000 are converted")
    return Format(codec, channels, rate, bits)


def a_law_file(samples: bytes, rate: int) -> bytes:
    """Return a WAV file with one channel of A-law samples."""
    # Codecs other than PCM have a length of the format's extension, and the number of samples.
    form = FORMAT.pack(A_LAW, 1, rate, rate, 1, 8) + struct.pack("<H", 0)
    chunks = b"".join(
        (
            CHUNK.pack(b"fmt ", len(form)),
            form,
            CHUNK.pack(b"fact", 4),
            struct.pack("<I", len(samples)),
            CHUNK.pack(b"data", len(samples)),
        )
    )
    padding = b"\0" * (len(samples) % 2)
    size = len(b"WAVE") + len(chunks) + len(samples) + len(padding)
    return b"".join((RIFF.pack(b"RIFF", size, b"WAVE"), chunks, samples, padding))
