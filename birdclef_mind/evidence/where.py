"""Where: how much each place speaks for an answer, by three who know different things of it, and the highest place."""

from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.asked import Asked
from birdclef_mind.evidence.maps import grad_cam
from birdclef_mind.evidence.masks import as_heard, intensity
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import bands_to_hz


@dataclass(frozen=True)
class Place:
    """A place of a picture: the middle of its moment, from the picture's start, and of its mel band."""

    at_s: float
    hz: float


def where_maps(asked: Asked, anatomy: Anatomy, masks: Array) -> Array:
    """What a mask keeps of each place, times how loud that is heard, times Grad-CAM, (n, n_mels, frames).

    A mask knows what an answer needs, loudness how much of it there is, Grad-CAM what the network makes of it in the
    end, coarsely. Each alone points at much besides: causes that were planted are found by the product. Obstacle for
    a network without a map.

    Parameters
    ----------
    masks : of what is asked, (n, n_mels, frames).
    """
    heard = as_heard(masks, intensity(asked.bands, asked.front.features))
    return heard * grad_cam(asked, anatomy, last_map(anatomy))


def last_map(anatomy: Anatomy) -> Stage:
    """The last layer that tells where something was; Obstacle where none does."""
    convolutions = anatomy.of_kind("convolution")
    if not convolutions:
        raise Obstacle("it has no convolution")
    return convolutions[-1]


def highest(maps: Array, features: Features) -> list[Place | None]:
    """The highest place of each map (n, n_mels, frames); None of one without a place above 0."""
    flat = maps.reshape(len(maps), -1)
    bands, frames = np.unravel_index(flat.argmax(axis=1), maps.shape[1:])
    at_s, hz = frames * features.hop_samples / features.sample_rate_hz, bands_to_hz(bands, features)
    every = zip(at_s, hz, flat.max(axis=1), strict=True)
    return [Place(float(second), float(own_hz)) if value > 0 else None for second, own_hz, value in every]
