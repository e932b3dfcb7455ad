"""Convert audio to A-law, mono, 8 kHz: a quarter of the bytes of 16 bits in two channels.

A-law is ITU-T G.711. The samples go through maps and tables, in which Python loops in C: a minute
of a call takes some 50 ms of a processor.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from functools import cache, partial
from itertools import chain
from math import ceil, cos, gcd, pi, sin
from operator import add, mul

from call_recording_archival.errors import BrokenRecording
from call_recording_archival.wav import (
    A_LAW,
    MU_LAW,
    PCM,
    Format,
    Readable,
    a_law_file,
    read_exactly,
    read_header,
)

RATE = 8_000
#: Bytes of samples in memory at a time, apart from the result.
BLOCK_BYTES = 1024 * 1024
LOWEST, HIGHEST = -32_768, 32_767
#: The ends of the segments of A-law, for samples of 13 bits.
SEGMENTS = (0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF)
#: Zero crossings of the resampling filter on each side.
CROSSINGS = 16
#: The part of the lower one of two rates' bandwidth that resampling keeps.
KEPT_BANDWIDTH = 0.95


def a_law(sample: int) -> int:
    """Return a sample of 16 bits as A-law."""
    value, mask = sample >> 3, 0xD5
    if value < 0:
        value, mask = -value - 1, 0x55
    segment = next(number for number, end in enumerate(SEGMENTS) if value <= end)
    return (segment << 4 | value >> max(segment, 1) & 0xF) ^ mask


def linear_of_a_law(code: int) -> int:
    """Return a sample of A-law as 16 bits."""
    code ^= 0x55
    segment, value = code >> 4 & 0x7, (code & 0xF) << 4
    value += 0x8 if segment == 0 else 0x108
    value <<= max(segment - 1, 0)
    return value if code & 0x80 else -value


def linear_of_mu_law(code: int) -> int:
    """Return a sample of mu-law as 16 bits."""
    code = ~code & 0xFF
    value = (((code & 0xF) << 3) + 0x84 << (code >> 4 & 0x7)) - 0x84
    return -value if code & 0x80 else value


@cache
def codes() -> bytes:
    """Return the A-law code of each sample; a negative one counts from the end."""
    return bytes(map(a_law, chain(range(HIGHEST + 1), range(LOWEST, 0))))


@cache
def codes_of_sums() -> bytes:
    """Return the A-law code of the mean of two samples, by their sum."""
    table, last = codes(), 2 * HIGHEST
    return bytes(table[int(total / 2)] for total in chain(range(last + 2), range(2 * LOWEST, 0)))


@cache
def linear(codec: int) -> list[int]:
    """Return the sample of 16 bits of each byte of a codec of 8 bits."""
    decode = {
        PCM: lambda byte: byte - 128 << 8,  # without a sign
        A_LAW: linear_of_a_law,
        MU_LAW: linear_of_mu_law,
    }[codec]
    return [decode(byte) for byte in range(256)]


def convert(stream: Readable) -> bytes:
    """Return a WAV file as A-law, mono, 8 kHz, of the same duration.

    Raises
    ------
    BrokenRecording, UnsupportedAudio
        When the stream is not a file that can be converted.
    """
    form, size = read_header(stream)
    blocks = sample_blocks(stream, form, size)
    if form == Format(A_LAW, 1, RATE, 8):
        samples = b"".join(blocks)
    elif form == Format(PCM, 2, RATE, 16):
        samples = b"".join(map(mixed, blocks))
    else:
        mono: Iterator[list[int]] = (mixed_samples(block, form) for block in blocks)
        if form.rate != RATE:
            mono = resampled(mono, form.rate)
        table = codes()
        samples = b"".join(bytes(map(table.__getitem__, block)) for block in mono)
    if not samples:
        raise BrokenRecording("the file has no samples")
    return a_law_file(samples, RATE)


def sample_blocks(stream: Readable, form: Format, size: int | None) -> Iterator[bytes]:
    """Yield the samples in blocks of whole frames.

    Raises
    ------
    BrokenRecording
        When the file ends before its samples do.
    """
    frame = form.frame_bytes
    block = BLOCK_BYTES - BLOCK_BYTES % frame
    if size is None:
        rest = b""
        while part := stream.read(block):
            rest += part
            whole = len(rest) - len(rest) % frame
            yield rest[:whole]
            rest = rest[whole:]
        return
    if size % frame:
        raise BrokenRecording(f"{size:,} bytes of samples do not end with a whole frame of {frame}")
    for start in range(0, size, block):
        yield read_exactly(stream, min(block, size - start))


def mixed(block: bytes) -> bytes:
    """Return two channels of 16 bits as one channel of A-law."""
    samples = _samples_of_16_bits(block)
    sums = map(add, samples[0::2], samples[1::2])
    return bytes(map(codes_of_sums().__getitem__, sums))


def mixed_samples(block: bytes, form: Format) -> list[int]:
    """Return the mean of the channels in each frame, as samples of 16 bits."""
    samples = (
        _samples_of_16_bits(block)
        if form.bits == 16
        else array("h", map(linear(form.codec).__getitem__, block))
    )
    if form.channels == 1:
        return samples.tolist()
    channels = [samples[number :: form.channels] for number in range(form.channels)]
    return [int(sum(frame) / form.channels) for frame in zip(*channels, strict=True)]


def _samples_of_16_bits(block: bytes) -> array[int]:
    samples = array("h", block)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def resampled(blocks: Iterable[list[int]], rate: int) -> Iterator[list[int]]:
    """Yield the samples at 8 kHz, through a filter that removes higher frequencies.

    Each sample is a weighted sum of the samples around its time, by a windowed sinc.

    Parameters
    ----------
    blocks
        Samples of one channel.
    rate
        Their number per second.
    """
    divisor = gcd(rate, RATE)
    up, down = RATE // divisor, rate // divisor
    half, weights = _filter(up, down)
    # The samples before the first one are silence.
    kept = [0] * half
    dropped = -half
    number = 0
    total = 0
    for block in chain(blocks, [None]):
        if block is None:
            kept += [0] * (half + 1)
            last = ceil(total * up / down)
        else:
            kept += block
            total += len(block)
            # As far as the samples after it are there.
            last = max(number, (total - half) * up // down)
        yield [
            _limited(sum(map(mul, weights[n * down % up], kept[at : at + 2 * half])))
            for n in range(number, last)
            for at in (n * down // up - half + 1 - dropped,)
        ]
        number = last
        unused = max(0, number * down // up - half + 1 - dropped)
        del kept[:unused]
        dropped += unused


def _limited(value: float) -> int:
    return max(LOWEST, min(HIGHEST, round(value)))


@cache
def _filter(up: int, down: int) -> tuple[int, list[list[float]]]:
    """Return half the length of the filter, and its weights for each part of a sample's time."""
    cutoff = KEPT_BANDWIDTH * min(1.0, up / down)
    half = ceil(CROSSINGS / cutoff)
    weigh = partial(_weight, cutoff=cutoff, half=half)
    weights = []
    for phase in range(up):
        row = [weigh(offset - phase / up) for offset in range(1 - half, half + 1)]
        scale = sum(row)
        weights.append([value / scale for value in row])
    return half, weights


def _weight(distance: float, cutoff: float, half: int) -> float:
    """Return the weight of a sample at a distance in samples: a sinc in a Hann window."""
    if abs(distance) >= half:
        return 0.0
    angle = pi * cutoff * distance
    sinc = sin(angle) / angle if angle else 1.0
    return sinc * (0.5 + 0.5 * cos(pi * distance / half))
