"""How well a mask says what an answer rests on: measures of one recording each, to be averaged by whoever asks.

p, q and r are the network's scores, once made of sums by softmax or sigmoid, of a recording, of the part of it that is
kept, and of the part that is removed; c is the class the recording is called.
"""

from collections.abc import Callable
from typing import TypedDict, TypeVar

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.evidence.asked import Asking

_Asking = TypeVar("_Asking", bound=Asking)


class Faithfulness(TypedDict):
    """Measures of Paissan, Ravanelli & Subakan 2024, section 4.1, of each of n recordings, (n,).

    increase : AI, whether the kept part is surer. drop : AD, the share of its score that the kept part loses.
    gain : AG, the share of what is missing to 1 that it gains. removed : FF, p − r.
    same : Fid-In, whether the kept part is called the same.
    """

    increase: Array
    drop: Array
    gain: Array
    removed: Array
    same: Array


def faithfulness(whole: Array, kept: Array, removed: Array, called: Array) -> Faithfulness:
    """The measures, AD and AG as shares of 1, of what is called `called`, (n,).

    Parameters
    ----------
    whole, kept, removed : scores of the recordings and their parts, (n, classes) each.
    """
    places = np.arange(len(called))
    p, q, r = (np.asarray(scores, np.float64)[places, called] for scores in (whole, kept, removed))
    return {
        "increase": (q > p).astype(float),
        "drop": _share(np.maximum(0, p - q), p),
        "gain": _share(np.maximum(0, q - p), 1 - p),
        "removed": p - r,
        "same": (np.argmax(kept, axis=1) == called).astype(float),
    }


def gini(maps: Array) -> Array:
    """How much of a map lies in few places, (n,), of maps (n, bands, frames): 0 for everywhere alike, near 1 for one.

    Hurley & Rickard 2009, "Comparing measures of sparsity", of the maps' positive part.
    """
    sizes = np.sort(_positive(maps), axis=1)
    count = sizes.shape[1]
    ranks = np.arange(1, count + 1)
    return 1 - 2 * _share((sizes * (count - ranks + 0.5)).sum(axis=1), count * sizes.sum(axis=1), otherwise=0.5)


def entropy(maps: Array) -> Array:
    """How many places of a map it takes, (n,), of maps (n, bands, frames): 0 for one place, 1 for all alike.

    Bhatt, Weller & Moura 2020, "Evaluating and aggregating feature-based model explanations", equation 8, as a share of
    the most that there can be.
    """
    sizes = _positive(maps)
    parts = _share(sizes, sizes.sum(axis=1, keepdims=True), otherwise=1 / sizes.shape[1])
    logs = np.log(parts, out=np.zeros_like(parts), where=parts > 0)
    return -(parts * logs).sum(axis=1) / np.log(sizes.shape[1])


def area_under(curve: Array) -> Array:
    """The area under curves (n, points) over evenly spaced points from 0 to 1, by trapezia, (n,)."""
    return (curve[:, 1:] + curve[:, :-1]).mean(axis=1) / 2


def strongest(maps: Array, share: float) -> Array:
    """Masks, 0 or 1, that keep this share of the places, the highest of each of `maps` (n, bands, frames).

    Among places alike the first are taken, so that all masks keep as many.
    """
    return _first(_strongest_first(maps), share, maps.shape)


def _strongest_first(maps: Array) -> Array:
    """The places of maps (n, bands, frames), the highest first, (n, places)."""
    return np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")


def _first(order: Array, share: float, shape: tuple[int, ...]) -> Array:
    """Masks of this shape, 0 or 1, of the first places of an order (n, places)."""
    masks = np.zeros(order.shape, np.float32)
    np.put_along_axis(masks, order[:, : round(share * order.shape[1])], 1, axis=1)
    return masks.reshape(shape)


def curves(maps: Array, score: Callable[[Array], Array], points: int = 11) -> tuple[Array, Array]:
    """Deletion and insertion curves, (n, points) each, from none to all places of `maps` (n, bands, frames).

    Petsiuk, Das & Saenko 2018, "RISE": the score of what is left when the highest are taken away, and of what the
    highest give alone; `score` is of masks (n, bands, frames) for all recordings, (n,).
    """
    order, shares = _strongest_first(maps), np.linspace(0, 1, points)
    masks = [_first(order, share, maps.shape) for share in shares]
    deleted, inserted = ([score(own) for own in these] for these in ([1 - mask for mask in masks], masks))
    return np.stack(deleted, axis=1), np.stack(inserted, axis=1)


def energy_inside(maps: Array, boxes: Array) -> Array:
    """The share of a map's positive part inside, over the inside's share of places, (n,); 1 for one that knows nothing.

    maps, boxes : (n, bands, frames), boxes bool. NaN where nothing or all is inside.
    """
    sizes, inside = _positive(maps), boxes.reshape(len(boxes), -1)
    area = inside.mean(axis=1)
    share = _share((sizes * inside).sum(axis=1), sizes.sum(axis=1), otherwise=np.nan)
    # A map that shows nothing points nowhere in particular.
    share = np.where(sizes.sum(axis=1) > 0, share, area)
    return np.where((area > 0) & (area < 1), share / np.where(area > 0, area, 1), np.nan)


def points_inside(maps: Array, boxes: Array) -> Array:
    """Whether a map's highest place lies inside, (n,), 0 or 1: the pointing game of Zhang et al. 2016.

    Of several that are the highest alike, as where masks keep all, the share that lies inside. NaN where nothing is
    inside. maps, boxes : (n, bands, frames), boxes bool.
    """
    flat, inside = maps.reshape(len(maps), -1), boxes.reshape(len(boxes), -1)
    highest = flat == flat.max(axis=1, keepdims=True)
    return np.where(inside.any(axis=1), (highest & inside).sum(axis=1) / highest.sum(axis=1), np.nan)


def alike(one: Array, other: Array) -> Array:
    """Pearson correlation of each of `one` with that of `other`, maps (n, bands, frames), (n,); 0 where one is flat."""
    first, second = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (one, other))
    first, second = (maps - maps.mean(axis=1, keepdims=True) for maps in (first, second))
    return _share((first * second).sum(axis=1), np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))


def stability(maps: Array, method: Callable[[_Asking], Array], asked: _Asking, frames: int) -> Array:
    """How alike a method's `maps` (n, bands, frames) stay when the sound comes so many frames later, (n,).

    Pearson correlation of what is found there, turned back, with what was found: 1 where the map moves with the sound.
    """
    return alike(maps, np.roll(method(asked.later(frames)), -frames, axis=2))


def _positive(maps: Array) -> Array:
    return np.maximum(maps.reshape(len(maps), -1), 0).astype(np.float64)


def _share(part: Array, whole: Array, otherwise: float = 0.0) -> Array:
    whole = np.broadcast_to(whole, np.broadcast_shapes(np.shape(part), np.shape(whole)))
    return np.divide(part, whole, out=np.full(whole.shape, float(otherwise)), where=whole > 0)
