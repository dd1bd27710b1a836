"""What the filters of each convolution look for, and what the eye is asked to judge, measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array

REPEATS = 0.95
_A_ROW = 8


@dataclass(frozen=True)
class FilterFacts:
    """What is measured of a layer's filters.

    Attributes
    ----------
    most_like, similarity : for each filter the most similar other one, and their cosine, (filters,); -1 and 0 for a
        single filter.
    dead : whether it is never active on the pictures shown, (filters,).
    adds : share of each patch's energy that no combination of the previous layer's patches gives, 0 to 1, (filters,);
        None for the first layer.
    """

    most_like: Array
    similarity: Array
    dead: Array
    adds: Array | None


def measure_filters(patches: Array, activation: Array, previous: Array | None) -> FilterFacts:
    """Measure a layer's filters.

    Parameters
    ----------
    patches : (height, width, filters). activation : for some pictures, (n, h, w, filters).
    previous : patches of the layer before, (height, width, filters); None for the first.
    """
    flat = patches.reshape(-1, patches.shape[-1])
    lengths = np.linalg.norm(flat, axis=0)
    unit = np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 0)
    cosines = unit.T @ unit
    np.fill_diagonal(cosines, -np.inf)
    single = patches.shape[-1] == 1
    most_like = np.array([-1]) if single else cosines.argmax(axis=1)
    similarity = np.zeros(1) if single else cosines.max(axis=1)
    dead = activation.max(axis=(0, 1, 2)) <= 0
    return FilterFacts(most_like, similarity, dead, None if previous is None else _adds(patches, previous))


def contact_sheet(patches: Array, zoom: int = 4) -> Array:
    """Patches (height, width, filters) side by side, eight to a row, each stretched to 0–255: (rows, columns), uint8.

    Row 0 is the lowest frequency, as in every picture; a grey line parts the patches.
    """
    height, width, count = patches.shape
    lowest, highest = patches.min(axis=(0, 1)), patches.max(axis=(0, 1))
    span = np.where(highest > lowest, highest - lowest, 1)
    stretched = np.rint((patches - lowest) / span * 255).astype(np.uint8)
    large = stretched.repeat(zoom, axis=0).repeat(zoom, axis=1)
    lines = -(-count // _A_ROW)
    sheet = np.full((lines * (height * zoom + 1) + 1, _A_ROW * (width * zoom + 1) + 1), 96, np.uint8)
    for index in range(count):
        # Reading order: the first patch stands at the top, and row 0 of the sheet is its bottom.
        line, column = lines - 1 - index // _A_ROW, index % _A_ROW
        top, left = 1 + line * (height * zoom + 1), 1 + column * (width * zoom + 1)
        sheet[top : top + height * zoom, left : left + width * zoom] = large[..., index]
    return sheet


def _adds(patches: Array, previous: Array) -> Array:
    # The layer before need not see less: two may stand side by side.
    size = [max(sides) for sides in zip(patches.shape[:2], previous.shape[:2], strict=True)]
    flat, basis = (_centred(some, size).reshape(-1, some.shape[-1]) for some in (patches, previous))
    explained = basis @ np.linalg.lstsq(basis, flat, rcond=None)[0]
    energy = np.square(flat).sum(axis=0)
    left = np.square(flat - explained).sum(axis=0)
    return np.divide(left, energy, out=np.zeros(len(energy)), where=energy > 0)


def _centred(patches: Array, size: Sequence[int]) -> Array:
    """Patches in the middle of larger ones that are empty around them."""
    rests = [large - small for large, small in zip(size, patches.shape[:2], strict=True)]
    return np.pad(patches, (*((rest // 2, rest - rest // 2) for rest in rests), (0, 0)))
