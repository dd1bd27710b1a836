"""What is measured of every segment, whatever it is labelled: by the network, a listener, and in its sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.audit.foreign import hum_db, voiced_share
from birdclef_mind.audit.opinions import normalised
from birdclef_mind.backwards.anatomy import Anatomy, as_input
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.errors import TableError
from birdclef_mind.networks.bundle_tables import read_validation
from birdclef_mind.storage.progress import Track, untracked

_LEAST = 1e-6
_AT_A_TIME = 64


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is known of segments.

    Attributes
    ----------
    rows : the segments, (n,). vectors : what each of some ears makes of them, (n, numbers) each.
    opinions : log chances of the classes by those that did not learn from them, (n, classes) each, NaN where unknown.
    human : chance that a listener hears people, (n,); 0 where none can say.
    hum_db, voiced : see `foreign`, (n,); NaN where a recording cannot be heard.
    copies : pairs of recordings that hold the same sound.
    """

    rows: tuple[IndexRow, ...]
    vectors: tuple[Array, ...]
    opinions: tuple[Array, ...]
    human: Array
    hum_db: Array
    voiced: Array
    copies: tuple[tuple[str, str], ...]


def own_vectors(anatomy: Anatomy, pixels: Pixels, track: Track = untracked) -> Array:
    """What a network makes of pictures, pixels (n, rows, frames), before it decides: (n, numbers).

    Means and deviations of the last layer that tells where something was: the embedding behind it has learned labels by
    heart, wrong ones too. The embedding where no layer has a map.
    """
    tap = next(iter(reversed(anatomy.of_kind("convolution"))), anatomy.embedding)
    anatomy.require(pixels)
    reader, shape = anatomy.reader([tap]), (None, *anatomy.rows_frames, 1)
    read = tf.function(lambda pictures: reader(pictures)[0], [tf.TensorSpec(shape, tf.float32)], autograph=False)
    parts = []
    for start in track(range(0, len(pixels), _AT_A_TIME), -(-len(pixels) // _AT_A_TIME), "pictures looked at"):
        found = np.asarray(read(as_input(pixels[start : start + _AT_A_TIME])))
        inside = tuple(range(1, found.ndim - 1))
        parts.append(np.concatenate([found.mean(axis=inside), found.std(axis=inside)], axis=1) if inside else found)
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def held_out_opinion(bundle: Path, rows: Sequence[IndexRow], classes: Classes) -> Array | None:
    """What a bundle's networks said of segments that they were not trained on, (n, classes); None for none of these."""
    try:
        table = read_validation(bundle)
    except TableError:
        return None
    places = {(row.recording, row.segment): place for place, row in enumerate(rows)}
    segments = zip(table["recording"], table["segment"].astype(int), strict=True)
    found = [places.get(segment, -1) for segment in segments]
    logs = np.full((len(rows), len(classes)), np.nan)
    known = np.array(found) >= 0
    scores = table[list(classes.names)].to_numpy(np.float64)[known]
    logs[np.array(found)[known]] = normalised(np.log(np.maximum(scores, _LEAST)))
    return logs


def foreign_sounds(
    rows: Sequence[IndexRow],
    competition: Path,
    cache: Cache,
    failed: dict[str, str],
    *,
    track: Track = untracked,
) -> tuple[Array, Array]:
    """How much hum and voice is in segments of a cache, each recording read once: `hum_db` and `voiced`, (n,) each.

    `failed` gets recordings that cannot be heard, and why.
    """
    features = cache.features
    hum, voice = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    order = sorted(range(len(rows)), key=lambda place: rows[place].recording)
    recordings = [(name, list(own)) for name, own in groupby(order, lambda place: rows[place].recording)]
    for recording, places in track(recordings, len(recordings), "recordings listened to"):
        found = real_sounds([rows[place] for place in places], competition, features, failed, cache=cache)
        if recording not in failed:
            samples = np.stack([one for one in found if one is not None])
            hum[places] = hum_db(samples, features.sample_rate_hz)
            voice[places] = voiced_share(samples, features.sample_rate_hz)
    return hum, voice
