"""Several channels to one, as a person would hear them: their mean, or one of them where they cancel."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.sound.sound_files import Stream

# Channels that have nothing in common keep one part in their number of their power; a mean that keeps a hundredth of
# that is what is left of channels that cancel.
_CANCELLED = 0.01


def mono(stream: Stream) -> Iterator[Array]:
    """A stream's sound, (n,) a block, the mean of its channels, or one of them; long ones are read twice for that."""
    if stream.header.channels == 1:
        yield from (block[:, 0] for block in stream.blocks())
        return
    rate_hz = stream.header.sample_rate_hz
    first = list(islice(stream.blocks(), 2))
    short = len(first) < 2
    alone = _channels_alone(first if short else stream.blocks(), rate_hz)
    for second, block in enumerate(_seconds(first if short else stream.blocks(), rate_hz)):
        channel = alone[second]
        yield block.mean(axis=1) if channel is None else np.ascontiguousarray(block[:, channel])


def _seconds(blocks: Iterable[Array], rate_hz: int) -> Iterator[Array]:
    """Blocks (n, channels) as blocks of a second each, the last one shorter, however they were cut before."""
    held = np.zeros((0, 1), np.float32)
    for block in blocks:
        held = np.concatenate([held, block]) if len(held) else block
        whole = len(held) // rate_hz * rate_hz
        yield from (held[start : start + rate_hz] for start in range(0, whole, rate_hz))
        held = held[whole:]
    if len(held):
        yield held


def _channels_alone(blocks: Iterable[Array], rate_hz: int) -> list[int | None]:
    """For each second the channel to hear where channels cancel when they are mixed, None where the mean is taken.

    Where a whole stream cancels, it is its loudest channel throughout. Powers are those around each channel's own mean,
    since a common offset is no sound.
    """
    values: Any = 0
    squares: Any = 0
    frames = 0
    each: list[int | None] = []
    for block in _seconds(blocks, rate_hz):
        beside = np.column_stack([block, block.mean(axis=1)]).astype(np.float64)
        own_values, own_squares = beside.sum(axis=0), np.square(beside).sum(axis=0)
        each.append(_alone(own_values, own_squares, len(block)))
        values, squares, frames = values + own_values, squares + own_squares, frames + len(block)
    whole = _alone(values, squares, frames) if frames else None
    return each if whole is None else [whole] * len(each)


def _alone(values: Array, squares: Array, frames: int) -> int | None:
    """The loudest channel where the last column, their mean, has lost nearly all of the others' power."""
    *powers, mixed = squares / frames - np.square(values / frames)
    return int(np.argmax(powers)) if mixed < _CANCELLED * np.mean(powers) / len(powers) else None
