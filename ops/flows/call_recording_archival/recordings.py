"""Recordings as Amazon Connect makes them, for the demo and the tests."""

from __future__ import annotations

import io
import math
import struct
import wave
from array import array
from dataclasses import dataclass

#: Connect's: 16 bits, 8,000 Hz, the agent and the customer in two channels.
RATE = 8_000
CHANNELS = 2
#: Frequencies of the two voices.
VOICES = (220, 330)


@dataclass(frozen=True)
class Form:
    """The header of a WAV file."""

    codec: int
    channels: int
    rate: int
    bits: int
    frames: int

    def __str__(self) -> str:
        """Return the form in a few words."""
        codec = {1: "PCM", 6: "A-law"}.get(self.codec, str(self.codec))
        channels = {1: "mono", 2: "stereo"}.get(self.channels, str(self.channels))
        return f"{codec} {self.bits} bit, {channels}, {self.frames / self.rate:.1f} s"


def recording(seconds: float, rate: int = RATE, channels: int = CHANNELS) -> bytes:
    """Return a WAV file in which the voices speak in turn, as tones that fade in and out."""
    samples = array("h")
    for number in range(round(seconds * rate)):
        at = number / rate
        speaker = int(at) % channels
        volume = 20_000 * math.sin(math.pi * (at % 1))
        value = int(volume * math.sin(2 * math.pi * VOICES[speaker % 2] * at))
        samples.extend(value if channel == speaker else 0 for channel in range(channels))
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples.tobytes())
    return file.getvalue()


def form_of(content: bytes) -> Form:
    """Return the form of a WAV file that is whole."""
    codec, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", content, 20)
    size = content.index(b"data", 12) + 4
    (count,) = struct.unpack_from("<I", content, size)
    return Form(codec, channels, rate, bits, count // frame)
