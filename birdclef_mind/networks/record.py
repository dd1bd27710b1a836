"""How a network was trained, as its bundle keeps it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from birdclef_mind.data.form import USUAL
from birdclef_mind.data.overrides import Override, from_record


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a network was trained.

    Attributes
    ----------
    training : every setting, as `Training.from_dict` takes them. best_epoch : the one whose weights are kept, from 1.
    grouped_by : what never falls on both sides of the split, "author" or "recording".
    only_training : labels that could not be held out. validation_recordings : those held out.
    segments : how many were trained on ("training") and held out ("validation").
    overrides : corrections that the cache was given. made_from : digests of the cache's index, of its pictures, and of
        the weights it began with. folds : how many networks were joined; 0 for one that was trained alone.
    metric : name of the measure that the competition ranks by. are : what to call the classes, birds or species.
    """

    training: Mapping[str, Any] = field(default_factory=dict)
    best_epoch: int = 0
    grouped_by: str = ""
    only_training: tuple[str, ...] = ()
    validation_recordings: tuple[str, ...] = ()
    segments: Mapping[str, int] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    tensorflow: str = ""
    made_from: Mapping[str, str | None] = field(default_factory=dict)
    folds: int = 0
    metric: str = USUAL.metric
    are: str = "birds"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as `to_dict` gives them; what an earlier version did not write is left out."""
        return cls(
            training=dict(values["training"]),
            best_epoch=int(values["best_epoch"]),
            grouped_by=str(values["grouped_by"]),
            only_training=tuple(values.get("only_training", ())),
            validation_recordings=tuple(values.get("validation_recordings", ())),
            segments=dict(values["segments"]),
            overrides=from_record(values.get("overrides", ())),
            tensorflow=str(values.get("tensorflow", "")),
            made_from=dict(values.get("made_from", {})),
            folds=int(values.get("folds", 0)),
            metric=str(values.get("metric", USUAL.metric)),
            are=str(values.get("are", "birds")),
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values, to be written as JSON."""
        return asdict(self)
