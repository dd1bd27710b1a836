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
        refuse_unlike(self.cache, cache)
        refuse_others_ears(self.embeddings, teacher)

    def rows(self, others: Collection[str]) -> tuple[IndexRow, ...]:
        """Its segments that are not silent, but for those of other recordings; StoreError where none is left."""
        return rows_besides(self.cache, others)


def refuse_unlike(cache: Cache, other: Cache, *, any_step: bool = False) -> None:
    """StoreError where pictures of a cache are made in another way than those of the other, or overlap otherwise."""
    both = (cache.features, other.features)
    own, wanted = ((one.side_by_side if any_step else one).fingerprint() for one in both)
    if own != wanted:
        raise StoreError(f"{cache.root}: expected pictures of the features {wanted}, as in {other.root}, got {own}")


def refuse_others_ears(heard: Embeddings, teacher: Embeddings, *, any_step: bool = False) -> None:
    """StoreError where somebody else heard than the teacher, or in another way; with `any_step` steps may differ."""
    own = heard.heard_by
    if any_step:
        hearing = replace(own.hearing, windowing=teacher.heard_by.hearing.windowing)
        own = replace(own, hearing=hearing)
    if own.fingerprint() != teacher.heard_by.fingerprint():
        raise StoreError(
            f"{heard.root}: expected what {teacher.heard_by.name} heard, as in {teacher.root}, with the same shifts "
            "and species"
        )


def rows_besides(cache: Cache, others: Collection[str]) -> tuple[IndexRow, ...]:
    """Segments that are not silent, but for those of other recordings; StoreError where none is left."""
    rows = tuple(row for row in cache.heard if row.recording not in others)
    if not rows:
        raise StoreError(
            f"{cache.root}: expected sounds that the other cache does not hold, found none that is not silent"
        )
    return rows


def with_unlabelled(
    material: Material, unlabelled: Unlabelled, rows: tuple[IndexRow, ...], training: Training
) -> Material:
    """What is learned from, and segments without labels behind it, which make `unlabelled_share` of an epoch's draws.

    An epoch shows as many labelled segments as before; of the others none more than about once. StoreError where the
    listener heard other sounds than the cache has.
    """
    unlabelled.embeddings.require_same_sounds(unlabelled.cache)
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
