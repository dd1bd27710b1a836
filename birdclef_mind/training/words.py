"""What a training says before it begins: what it learns from, what is held out, and what is left out."""

from birdclef_mind.checks import some_of
from birdclef_mind.training.draws import Material
from birdclef_mind.training.folds import Split
from birdclef_mind.training.held_out import Part, Parts
from birdclef_mind.training.recipe import Training


def resting(material: Material, training: Training) -> list[str]:
    """A sentence for each part of the recipe that these segments leave nothing to do."""
    lines = []
    if training.augmentation.shift and not (material.following >= 0).any():
        lines.append("windows stay where they are: none overlaps the next; `cache --step 2.5` lets them move")
    if training.augmentation.background and not material.birdless.size:
        lines.append("no segment in which none of them is heard was found to mix in")
    return lines


def describe(split: Split, parts: Parts, silent: int, asked: bool) -> str:
    """Lines on both sides of a split; `silent` segments are left out, `asked` tells whether any were to be held out."""
    lines = [
        f"{len(parts.learn.rows)} segments of {_recordings(parts.learn)} recordings to train on, "
        + (
            f"{len(parts.check.rows)} of {_recordings(parts.check)} held out, grouped by {split.grouped_by}"
            if split.validation
            else "none held out"
        )
    ]
    if silent:
        lines.append(f"{silent} silent segments are left out")
    if split.only_training and asked:
        names = some_of(split.only_training)
        lines.append(f"only trained on and not measured, since no recording of them can be held out: {names}")
    return "\n".join(lines)


def _recordings(part: Part) -> int:
    """How many recordings are left of a side once corrections have dropped segments."""
    return len({row.recording for row in part.rows})
