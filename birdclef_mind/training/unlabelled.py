"""Sounds that nobody labelled: of them a network learns what its teacher makes of them, and nothing else."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.cache import Cache, IndexRow
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.embeddings import Embeddings
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.training.draws import Material, gather_material
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.teacher import lessons_for


@dataclass(frozen=True)
class Unlabelled:
    """A cache whose labels are not asked for, and what the teacher made of the same segments."""

    cache: Cache
    embeddings: Embeddings

    def refuse_unlike(self, cache: Cache, teacher: Embeddings) -> None:
        """StoreError where its pictures are made in another way than those of a cache, or somebody else heard them."""
        own, other = self.cache.features.fingerprint(), cache.features.fingerprint()
        if own != other:
            raise StoreError(
                f"{self.cache.root}: expected pictures of the features {other}, as in {cache.root}, got {own}"
            )
        if self.embeddings.heard_by.fingerprint() != teacher.heard_by.fingerprint():
            raise StoreError(
                f"{self.embeddings.root}: expected what {teacher.heard_by.name} heard, as in {teacher.root}, with the "
                "same shifts and species"
            )

    def rows(self, others: Collection[str]) -> tuple[IndexRow, ...]:
        """Its segments that are not silent, but for those of other recordings; StoreError where none is left."""
        rows = tuple(row for row in self.cache.heard if row.recording not in others)
        if not rows:
            raise StoreError(
                f"{self.cache.root}: expected sounds that the other cache does not hold, found none that is not silent"
            )
        return rows


def with_unlabelled(
    material: Material, unlabelled: Unlabelled, rows: tuple[IndexRow, ...], training: Training
) -> Material:
    """What is learned from, and segments without labels behind it, which make `unlabelled_share` of an epoch's draws.

    An epoch shows as many labelled segments as before; of the others none more than about once.
    """
    classes = material.targets.shape[1]
    targets, pictures = np.zeros((len(rows), classes), np.float32), unlabelled.cache.pictures(rows)
    own = gather_material(
        rows, pictures, np.arange(len(rows)), targets, features=material.features, training=training,
        lessons=lessons_for(rows, unlabelled.embeddings.classes.names, unlabelled.embeddings, told=False),
    )  # fmt: skip
    share = training.unlabelled_share
    more = min(own.draws, round(material.draws * share / (1 - share)))
    draws = material.draws + more
    following = np.where(own.following < 0, -1, own.following + len(material.own))
    return replace(
        material,
        pictures=_joined(material.pictures, pictures),
        own=np.concatenate([material.own, own.own + len(material.pictures.pixels)]),
        targets=np.concatenate([material.targets, targets]),
        following=np.concatenate([material.following, following]),
        odds=np.concatenate([material.odds * (material.draws / draws), own.odds * (more / draws)]),
        draws=draws,
        lessons=np.concatenate([_lessons(material), _lessons(own)]),
    )


def _lessons(material: Material) -> Array:
    assert material.lessons is not None, "sounds without labels need a teacher"
    return material.lessons


def _joined(one: Pictures, other: Pictures) -> Pictures:
    return Pictures(
        np.concatenate([one.pixels, other.pixels]),
        PixelScale(
            np.concatenate([one.scale.low, other.scale.low]), np.concatenate([one.scale.width, other.scale.width])
        ),
    )
