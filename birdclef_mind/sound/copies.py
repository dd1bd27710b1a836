"""Recordings that hold the same sound under two names, so that they never fall on both sides of a split.

What makes a copy is that the same moments sound, the noise between the songs among them. Two songs of one bird, however
alike, differ there: candidates are found by landmarks, and judged by what is left of the pictures when all that is
steady, slow, loud or common to all bands has been taken away.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.sound.landmarks import find_landmarks, in_threads
from birdclef_mind.sound.matches import SHIFT, Matches, match_landmarks
from birdclef_mind.storage.progress import Track, untracked

Read = Callable[[Array], Array]

# Texture: of so many bands, smoothed twice over so many frames, seen against so many around each.
_BANDS, _SMOOTH, _WIDE = 32, 3, 25
# Pixels of so few steps, and variation by so little of a step, are what quantising leaves.
_DARK, _LEAST = 2, 0.06
# Frames of half a second. In three fourths of the blocks in which both show something textures of copies correlate so
# much, where these are 0, 1, 2, 3, 4, 5 or more: two songs of one bird reach 0.40 of five, and more of fewer by chance.
_BLOCK = 32
_SAME = np.array([np.inf, np.inf, 0.8, 0.7, 0.6, 0.5])
# Fewer votes are chance. Of each two recordings so many pairs of segments are judged, of each segment with so many.
_VOTES, _TRIES, _OTHERS = 28, 8, 16
# A fifth as many as there are segments are judged, or these, so that time grows no faster than the segments; so many
# times as many wait to be judged.
_LEAST_JUDGED, _KEPT = 4_000, 2
_CHUNK = 32


def alike_recordings(
    pixels: Pixels,
    recordings: Sequence[str],
    places: Array | None = None,
    track: Track = untracked,
    *,
    cepstral: bool = False,
) -> list[tuple[str, str]]:
    """Pairs of recordings with segments that are copies: encoded anew, shifted in time, cut out, loud or quiet.

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8, of sixteen milliseconds a frame or so; read a few at a time.
    recordings : whose each of the segments `places` is, (chosen,); places : which they are, all without.
    cepstral : whether rows are cepstral coefficients, not bands.

    Returns
    -------
    Each pair once, in order of the names. Of many copies of one sound not every pair need be among them.

    Notes
    -----
    Two of their segments have to have a second in common, better two and a half, in which the pictures are not black.
    Not found are copies played faster or slower, copies under other sound as loud as they are, and sound from which its
    noise was taken.

    Memory stays below 100 MB or so, besides some bytes a segment. What is looked up lies in files without a name where
    `tempfile` puts them, about two kilobytes a segment of five seconds; OSError where there is no room for them.
    """
    names = sorted(set(recordings))
    numbers = {name: number for number, name in enumerate(names)}
    owners = np.array([numbers[name] for name in recordings], int)
    places = np.arange(len(pixels)) if places is None else places

    def read(own: Array) -> Array:
        return _bands_of(pixels[own]) if cepstral else pixels[own]

    found, left = np.zeros(0, np.int64), max(_LEAST_JUDGED, len(places) // 5)
    with find_landmarks(read, places, pixels.shape[2], track) as landmarks:
        candidates = _likeliest(match_landmarks(landmarks, owners, _VOTES), owners, _KEPT * left)
    for some in _rounds(candidates, owners):
        some = some[:, ~np.isin(_pair(some, owners), found)][:, :left]
        left -= some.shape[1]
        found = np.union1d(found, _pair(some[:, _judge(read, places, some)], owners))
    return [(names[one], names[other]) for one, other in zip(*np.divmod(found, len(names)), strict=True)]


def _bands_of(pixels: Pixels) -> Array:
    """Pictures of coefficients as such of bands, each from its darkest to its brightest: (n, rows, frames), uint8."""
    levels = pixels - pixels.mean(axis=2, keepdims=True, dtype=np.float32)
    bands = scipy.fft.idct(levels, axis=1, norm="ortho")
    bands -= bands.min(axis=(1, 2), keepdims=True)
    return np.asarray(bands * (255 / np.maximum(bands.max(axis=(1, 2), keepdims=True), 1e-3)), np.uint8)


def _pair(candidates: Array, owners: Array) -> Array:
    """A number for the two recordings of each candidate: (3, n) → (n,)."""
    one, other = np.sort(owners[candidates[:2]], axis=0)
    return one * (owners.max(initial=0) + 1) + other


def _likeliest(matches: Iterable[Matches], owners: Array, most: int) -> Array:
    """Segments, shifts and votes of what is worth a judgement, likeliest first, about so many: (4, n), int64."""
    kept = [np.zeros((4, 0), np.int64)]
    for some in matches:
        kept.append(_first_of(np.stack([some.first, some.second, some.shifts, some.votes]), owners))
        if sum(candidates.shape[1] for candidates in kept) > 2 * most:
            kept = [_first_of(np.concatenate(kept, axis=1), owners)[:, :most]]
    return _first_of(np.concatenate(kept, axis=1), owners)[:, :most]


def _first_of(candidates: Array, owners: Array) -> Array:
    """Candidates (4, n) by votes; only the first of each segment and of each two recordings."""
    candidates = candidates[:, np.argsort(-candidates[3], kind="stable")]
    # However many others sound like a segment, only the likeliest of them are judged.
    for side in range(2):
        candidates = candidates[:, _rank(candidates[side]) < _OTHERS]
    return candidates[:, _rank(_pair(candidates, owners)) < _TRIES]


def _rounds(candidates: Array, owners: Array) -> Iterator[Array]:
    """Pairs of segments and shifts to be judged, (3, n), int64: the likeliest of each two recordings, then the next."""
    rank = _rank(_pair(candidates, owners))
    yield from (candidates[:3, rank == tries] for tries in range(_TRIES))


def _rank(values: Array) -> Array:
    """How many times each value has come before: (n,) → (n,), int.

    >>> _rank(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(values, kind="stable")
    first = np.searchsorted(values[order], values[order])
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.arange(len(values)) - first
    return ranks


def _judge(read: Read, places: Array, candidates: Array) -> Array:
    """Whether both segments of each candidate (3, n) hold the same sound: (n,), bool."""

    def judge(start: int) -> Array:
        first, second, shifts = candidates[:, start : start + _CHUNK]
        wanted, own = np.unique(places[np.stack([first, second])], return_inverse=True)
        textures, own = _textures(read(wanted)), own.reshape(2, -1)
        return _agree(textures[own[0]], textures[own[1]], shifts)

    parts = in_threads(judge, range(0, candidates.shape[1], _CHUNK))
    return np.concatenate([np.zeros(0, bool), *parts])


def _agree(one: Array, other: Array, shifts: Array) -> Array:
    """Whether textures (n, bands, frames) are the same, where the first is that much later, to a few frames."""
    frames = one.shape[2]
    at = np.arange(-SHIFT, frames + SHIFT) + shifts[:, None]
    inside = (at >= 0) & (at < frames)
    moved = np.take_along_axis(one, np.where(inside, at, 0)[:, None], axis=2) * inside[:, None]
    moves = [moved[:, :, move : move + frames] for move in range(2 * SHIFT + 1)]
    # Of every move and frame: what both have in common, and what each has where both have any.
    common = np.stack([np.einsum("nbt,nbt->nt", move, other) for move in moves])
    powers = sliding_window_view(np.square(moved).sum(axis=1), frames, axis=1).swapaxes(0, 1)
    power = np.square(other).sum(axis=1)
    both = (powers > 0) & (power > 0)
    whole = _correlation(common.sum(axis=2), (powers * both).sum(axis=2), (power * both).sum(axis=2))
    best = whole.argmax(axis=0), np.arange(len(one))
    common, powers, both = common[best], (powers * both)[best], both[best]
    blocks = _correlation(_by_block(common), _by_block(powers), _by_block(power * both))
    heard = _by_block(both) >= _BLOCK / 2
    blocks = np.sort(np.where(heard, blocks, 1), axis=1)
    count = heard.sum(axis=1)
    lowest = np.take_along_axis(blocks, (count[:, None] + 1) // 4, axis=1)[:, 0]
    # The fewer bands, the more chance agrees.
    same = _SAME[np.minimum(count, len(_SAME) - 1)] ** (one.shape[1] / _BANDS)
    return np.minimum(lowest, whole[best]) >= same


def _correlation(common: Array, power: Array, other: Array) -> Array:
    return common / np.sqrt(np.maximum(power * other, 1))


def _by_block(values: Array) -> Array:
    """Sums over blocks of frames: (n, frames) → (n, blocks)."""
    missing = -values.shape[1] % _BLOCK
    return np.pad(values, ((0, 0), (0, missing))).reshape(len(values), -1, _BLOCK).sum(axis=2)


def _textures(pixels: Pixels) -> Array:
    """What is not steady, slow, loud or common to all bands, (n, bands, frames), float32; 0 where nothing is shown."""
    n, rows, frames = pixels.shape
    bands = min(_BANDS, rows)
    parts = pixels[:, : rows // bands * bands].reshape(n, bands, rows // bands, frames)
    levels = np.log(parts.mean(axis=2, dtype=np.float32) + np.float32(_DARK))
    for _ in range(2):
        levels = uniform_filter1d(levels, _SMOOTH, axis=2)
    least = np.float32(_LEAST) * np.exp(-levels)
    # What is smoothed together with frames that show nothing, as after a recording's end, is their edge.
    shown = minimum_filter1d(pixels.any(axis=1).astype(np.float32), 2 * _SMOOTH - 1, axis=1)[:, None]
    share = np.maximum(uniform_filter1d(shown, _WIDE, axis=2), np.float32(1 / _WIDE))
    levels = (levels - uniform_filter1d(levels * shown, _WIDE, axis=2) / share) * shown
    variation = np.sqrt(uniform_filter1d(np.square(levels), _WIDE, axis=2).clip(0) / share)
    textures = np.clip(levels / (variation + least), -1, 1)
    return np.asarray((textures - textures.mean(axis=1, keepdims=True)) * shown)
