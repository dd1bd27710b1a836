"""Which recordings are held out: whole recordings, grouped by author, stratified by label."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from birdclef_mind.competition import Recording


@dataclass(frozen=True)
class Split:
    """Recordings for training and for validation, by file name, and what a reader should know of the split.

    Attributes
    ----------
    grouped_by : "author" or "recording": what never falls on both sides.
    only_training : labels none of whose recordings could be held out.
    """

    training: frozenset[str]
    validation: frozenset[str]
    grouped_by: str
    only_training: tuple[str, ...]


def split_recordings(recordings: Sequence[Recording], share: float, seed: int) -> Split:
    """Hold out about `share` of the recordings, never a part of a group.

    A group is an author where the table tells authors apart, else a recording. A group that is the only one of some
    label stays in training with all it holds, and no label is left without training.
    """
    by_author = len({recording.author for recording in recordings}) > 1
    groups = [_group(recording, by_author) for recording in recordings]
    locked = _groups_to_keep(recordings, groups)
    free = [index for index, group in enumerate(groups) if group not in locked]
    held_out = _hold_out([recordings[i].label for i in free], [groups[i] for i in free], share, seed)
    held_out = _leave_training_for_all(recordings, groups, held_out)
    validation = frozenset(r.filename for r, group in zip(recordings, groups, strict=True) if group in held_out)
    training = frozenset(recording.filename for recording in recordings) - validation
    tested = {recording.label for recording in recordings if recording.filename in validation}
    only_training = tuple(dict.fromkeys(r.label for r in recordings if r.label not in tested))
    return Split(training, validation, "author" if by_author else "recording", only_training)


def _group(recording: Recording, by_author: bool) -> str:
    # A recording whose author is not given stands alone.
    return f"author {recording.author}" if by_author and recording.author else f"recording {recording.filename}"


def _groups_to_keep(recordings: Sequence[Recording], groups: Sequence[str]) -> set[str]:
    of_label = defaultdict(set)
    for recording, group in zip(recordings, groups, strict=True):
        of_label[recording.label].add(group)
    return {group for names in of_label.values() if len(names) == 1 for group in names}


def _hold_out(labels: Sequence[str], groups: Sequence[str], share: float, seed: int) -> set[str]:
    folds = min(round(1 / share), len(set(groups)))
    if folds < 2:
        return set()
    # Not every label can be in every fold, which scikit-learn would warn of: the caller sees to it.
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    places = np.arange(len(labels))
    order = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([order[label] for label in labels])
    fair = [test for _, test in _quiet_split(splitter, places, codes, np.array(groups))]
    wanted = share * len(labels)
    # Folds of whole groups differ in size: the one that covers most labels, then nearest to the share, is taken.
    best = min(fair, key=lambda test: (-len(set(codes[test])), abs(len(test) - wanted)))
    return {groups[index] for index in best}


def _quiet_split(splitter: StratifiedGroupKFold, *arrays: np.ndarray) -> list:  # type: ignore[type-arg]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return list(splitter.split(*arrays))
        except ValueError:
            # scikit-learn refuses when every label has fewer recordings than there are folds.
            splitter.n_splits = 2
            return list(splitter.split(*arrays))


def _leave_training_for_all(recordings: Sequence[Recording], groups: Sequence[str], held_out: set[str]) -> set[str]:
    """Give back the smallest held-out group of every label that has lost all its training."""
    held_out = set(held_out)
    sizes: dict[str, int] = defaultdict(int)
    for group in groups:
        sizes[group] += 1
    for label in dict.fromkeys(recording.label for recording in recordings):
        own = {group for r, group in zip(recordings, groups, strict=True) if r.label == label}
        if own <= held_out:
            held_out.remove(min(own, key=lambda group: (sizes[group], group)))
    return held_out
