"""One recording it could have been: noise that settles into strips of real recordings which a layer finds alike.

A diffusion whose denoiser is not trained but exact: the mean of the strips that noise could hide, for a model that
looks at a neighbourhood in time and does not care when something happens (Kamb & Ganguli 2025, "An analytic theory of
creativity in convolutional diffusion models"), weighted by how alike their recordings are to the layer. So what is
uncertain differs from draw to draw, instead of being averaged to grey; and no strip is invented.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.nearest import Library, outline

# Segments that strips are taken from, and how many of them count as if they counted alike.
_SOURCES, _EQUALLY = 24, 6.0
# A picture is so many strips; each is settled with so many on both of its sides.
_STRIPS, _BESIDE = 40, 5
# What a strip looks like is told by so many numbers in frequency and in time.
_ROWS, _FRAMES = 32, 4
_STEPS = 8
# The best of so many is taken.
_DRAWS = 4
# The noise that a picture begins as holds so much of it.
_BEGIN = 0.02
_AT_A_TIME = 16

# From pictures (n, rows, frames), 0–255, to what a layer makes of them, (n, …).
Read = Callable[[Array], Array]


def draw(
    library: Library, tap: str, wanted: Array, recordings: Sequence[str], *, read: Read, seed: int = 0
) -> Array | None:
    """A picture for each activation, (n, rows, frames), 0–255: of some draws the one that the tap finds most alike.

    A draw may miss what the layer is sure of, as where it holds background alone. None where the library has no other
    recording. A picture depends on its activation, its recording and the seed alone, but for rounding.

    Parameters
    ----------
    tap : name of the layer. wanted : its activation, (n, …). recordings : of each, whose own segments are passed over.
    read : from pictures, one for each, to the tap's activations.
    """
    found = draw_several(library, tap, wanted, recordings, seeds=range(_DRAWS * seed, _DRAWS * (seed + 1)))
    if found is None:
        return None
    own = outline(wanted)
    alike = np.stack([(outline(read(one)) * own).sum(axis=1) for one in found])
    return np.asarray(found[alike.argmax(axis=0), np.arange(len(wanted))])


def draw_several(
    library: Library, tap: str, wanted: Array, recordings: Sequence[str], *, seeds: Sequence[int]
) -> Array | None:
    """Draws for each activation, of which `draw` takes the best: (seeds, n, rows, frames), 0–255, or None as there.

    Parameters
    ----------
    tap : name of the layer. wanted : its activation, (n, …). recordings : of each, whose own segments are passed over.
    """
    found = library.segments(tap, wanted, recordings, _SOURCES)
    if not (found.places[:, 0] >= 0).all():
        return None
    parts = [slice(start, start + _AT_A_TIME) for start in range(0, len(wanted), _AT_A_TIME)]
    # Their products are small: where cores are shared, threads that wait for one another take a hundred times as long.
    with threadpool_limits(1, user_api="blas"):
        return np.concatenate(
            [_drawn(library, found.places[part], found.cosines[part], seeds) for part in parts], axis=1
        )


def _drawn(library: Library, places: Array, cosines: Array, seeds: Sequence[int]) -> Array:
    """Pictures (seeds, n, …) of strips of the segments at some places, (n, sources); -1 and NaN where are no more."""
    real = library.pixels[np.maximum(places, 0)].astype(np.float32)
    strips = _strips(real)
    chances = _chances(cosines)[..., None] * _showing(strips)
    n, sources, count = chances.shape
    strips, chances = strips.reshape(n, sources * count, -1), chances.reshape(n, -1)
    looks, log_chances = _looks(strips, real.shape[2]), np.log(np.maximum(chances, 1e-30))
    shares = (_settled(looks, log_chances, count, seed) for seed in seeds)
    return np.stack([np.clip(_joined(one @ strips, real.shape[2:]), 0, 255) for one in shares])


def _strips(pictures: Array) -> Array:
    """Pictures (…, rows, frames) as strips in time, (…, strips, rows × frames of a strip); a rest of frames is left."""
    *before, rows, frames = pictures.shape
    width = max(1, frames // _STRIPS)
    count = frames // width
    cut = pictures[..., : count * width].reshape(*before, rows, count, width)
    return np.moveaxis(cut, -2, -3).reshape(*before, count, rows * width)


def _joined(strips: Array, rows_frames: tuple[int, int]) -> Array:
    """Strips (n, strips, numbers) as pictures (n, rows, frames); the last frame lasts for a rest that is no strip."""
    rows, frames = rows_frames
    n, count, numbers = strips.shape
    whole = np.moveaxis(strips.reshape(n, count, rows, numbers // rows), 1, 2).reshape(n, rows, -1)
    return np.pad(whole, ((0, 0), (0, 0), (0, frames - whole.shape[2])), mode="edge")


def _showing(strips: Array) -> Array:
    """Which strips (n, sources, strips, numbers) are not of a single shade, as silence behind a short recording is.

    Where a picture has no other they all are, (n, sources, strips), 0 or 1.
    """
    shows = strips.max(axis=-1) > strips.min(axis=-1)
    return np.where(shows.any(axis=(1, 2), keepdims=True), shows, True).astype(np.float32)


def _looks(strips: Array, rows: int) -> Array:
    """What strips (n, m, numbers) look like, in few numbers of mean 0 and deviation 1, (n, m, fewer)."""
    n, m, numbers = strips.shape
    width = numbers // rows
    bands = _means(strips.reshape(n, m, rows, width), 2, _ROWS)
    few = _means(bands, 3, _FRAMES).reshape(n, m, -1)
    few = few - few.mean(axis=1, keepdims=True)
    return np.asarray(few / np.maximum(few.std(axis=(1, 2), keepdims=True), 1e-3), np.float32)


def _means(values: Array, axis: int, most: int) -> Array:
    """Means of neighbours along an axis, so that at most so many are left."""
    starts = np.unique(np.linspace(0, values.shape[axis], min(most, values.shape[axis]), endpoint=False).astype(int))
    sizes = np.diff([*starts, values.shape[axis]])
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    return np.add.reduceat(values, starts, axis=axis) / sizes.reshape(shape)


def _chances(cosines: Array) -> Array:
    """How much each source counts, (n, sources), for cosines, the largest first: as if six counted alike.

    NaN for no source. The width of the kernel is found by bisection, as in van der Maaten & Hinton 2008 (t-SNE).
    """
    apart = np.nan_to_num(cosines[:, :1] - cosines, nan=np.inf)
    low, high = np.full((len(cosines), 1), 1e-6), np.full((len(cosines), 1), 1e3)
    for _ in range(50):
        width = np.sqrt(low * high)
        shares = np.exp(-apart / width)
        shares /= shares.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1, keepdims=True)
        too_few = entropy < np.log(_EQUALLY)
        low, high = np.where(too_few, width, low), np.where(too_few, high, width)
    return shares


def _settled(looks: Array, log_chances: Array, count: int, seed: int) -> Array:
    """Shares of the source strips in each strip drawn, (n, count, m), of looks (n, m, numbers) and log chances (n, m).

    A straight path from noise to picture, in Euler's steps; time is a circle, in sources as in draws.
    """
    n, m, numbers = looks.shape
    # All pictures of a draw begin as the same noise: one does not depend on those beside it.
    noise = np.random.default_rng(seed).normal(size=(count, numbers)).astype(np.float32)
    values = np.broadcast_to(noise, (n, count, numbers))
    lengths = _with_neighbours(np.square(looks).sum(axis=2).reshape(n, 1, -1, count), (3,))
    chances = log_chances.astype(np.float32).reshape(n, 1, -1, count)
    times = np.linspace(_BEGIN, 1, _STEPS + 1)
    for now, then in pairwise(times.tolist()):
        alike = _with_neighbours((values @ looks.transpose(0, 2, 1)).reshape(n, count, -1, count), (1, 3))
        scores = ((now * alike - now**2 / 2 * lengths) / (1 - now) ** 2 + chances).reshape(n, count, m)
        shares = np.exp(scores - scores.max(axis=2, keepdims=True)).astype(np.float32)
        shares /= shares.sum(axis=2, keepdims=True)
        values = values + np.float32((then - now) / (1 - now)) * (shares @ looks - values)
    return shares


def _with_neighbours(scores: Array, times: tuple[int, ...]) -> Array:
    """Scores of strips, summed over those beside them, of the same shape; `times` are the axes of time, a circle."""

    def later(values: Array, steps: int) -> Array:
        return np.roll(values, (steps,) * len(times), axis=times)

    # By sums of 1, 2, 4, 8 … strips in a row, of which a neighbourhood is put together.
    total, reached, row, length = np.zeros_like(scores), 0, scores, 1
    while length <= 2 * _BESIDE + 1:
        if (2 * _BESIDE + 1) & length:
            total += later(row, reached)
            reached += length
        row = row + later(row, length)
        length *= 2
    return later(total, -_BESIDE)
