"""Which recordings are held out: whole recordings, grouped by author or site, stratified by label."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from birdclef_mind.data.training_table import Recording
from birdclef_mind.errors import ConfigError


@dataclass(frozen=True)
class Split:
    """Recordings for training and for validation, by file name, and what a reader should know of the split.

    Attributes
    ----------
    grouped_by : "author" or "recording": what never falls on both sides; nor do copies of it, or sites.
    only_training : labels none of whose recordings could be held out.
    """

    training: frozenset[str]
    validation: frozenset[str]
    grouped_by: str
    only_training: tuple[str, ...]


Pairs = Sequence[tuple[str, str]]


def split_recordings(recordings: Sequence[Recording], share: float, seed: int, alike: Pairs = ()) -> Split:
    """Hold out about `share` of the recordings, never a part of a group; nothing for a share of 0.

    A group is an author where the table tells authors apart, else what was recorded together, such as all soundscapes
    of a site, else a recording; groups that share a pair of `alike` recordings are one. A group that is the only one of
    some label stays in training with all it holds, and no label is left without training.
    """
    groups, by_author = _groups(recordings, alike)
    locked = _groups_to_keep(recordings, groups)
    free = [index for index, group in enumerate(groups) if group not in locked]
    held_out = _hold_out([recordings[i].folder for i in free], [groups[i] for i in free], share, seed)
    return _split(recordings, groups, held_out, by_author)


def fold_recordings(recordings: Sequence[Recording], folds: int, seed: int, alike: Pairs = ()) -> tuple[Split, ...]:
    """Divide the recordings into `folds` parts, each held out once, by the rules of `split_recordings`.

    ConfigError when there are fewer groups than folds, or when no label has as many recordings.
    """
    groups, by_author = _groups(recordings, alike)
    locked = _groups_to_keep(recordings, groups)
    free = [index for index, group in enumerate(groups) if group not in locked]
    most = len({groups[index] for index in free})
    labels = [recordings[i].folder for i in free]
    enough = max(Counter(labels).values(), default=0)
    if not 2 <= folds <= min(most, enough):
        raise ConfigError(
            f"folds: expected 2 or more, at most the {most} groups that can be held out, and a label with as many "
            f"recordings as folds, got {folds}"
        )
    parts = _parts(labels, [groups[i] for i in free], folds, seed)
    splits = tuple(_split(recordings, groups, {groups[free[i]] for i in part}, by_author) for part in parts)
    if not all(split.validation for split in splits):
        raise ConfigError(f"folds: expected recordings to hold out in each of {folds}, got one without; use fewer")
    return splits


def _split(recordings: Sequence[Recording], groups: Sequence[str], held_out: set[str], by_author: bool) -> Split:
    held_out = _leave_training_for_all(recordings, groups, held_out)
    validation = frozenset(r.filename for r, group in zip(recordings, groups, strict=True) if group in held_out)
    training = frozenset(recording.filename for recording in recordings) - validation
    tested = {label for one in recordings if one.filename in validation for label in one.labels}
    all_labels = dict.fromkeys(label for one in recordings for label in one.labels)
    only_training = tuple(label for label in all_labels if label not in tested)
    return Split(training, validation, "author" if by_author else "recording", only_training)


def _groups(recordings: Sequence[Recording], alike: Pairs) -> tuple[list[str], bool]:
    """The group of every recording, and whether authors make them."""
    by_author = len({recording.author for recording in recordings if recording.windows is None}) > 1
    own = {recording.filename: _group(recording, by_author) for recording in recordings}
    # Union–find: every group points to one it is joined with; the last of such a chain names them all.
    joined = {group: group for group in own.values()}

    def root(group: str) -> str:
        while joined[group] != group:
            group = joined[group]
        return group

    for one, other in alike:
        first, second = sorted((root(own[one]), root(own[other])))
        joined[second] = first
    return [root(group) for group in own.values()], by_author


def _group(recording: Recording, by_author: bool) -> str:
    if by_author and recording.author:
        return f"author {recording.author}"
    # What neither an author nor a place and day tell of stands alone.
    return f"session {recording.session}" if recording.session else f"recording {recording.filename}"


def _groups_to_keep(recordings: Sequence[Recording], groups: Sequence[str]) -> set[str]:
    of_label = defaultdict(set)
    for recording, group in zip(recordings, groups, strict=True):
        for label in recording.labels:
            of_label[label].add(group)
    return {group for names in of_label.values() if len(names) == 1 for group in names}


def _hold_out(labels: Sequence[str], groups: Sequence[str], share: float, seed: int) -> set[str]:
    folds = min(round(1 / share), len(set(groups))) if share else 0
    if folds < 2:
        return set()
    parts = _parts(labels, groups, folds, seed)
    wanted = share * len(labels)
    # Parts of whole groups differ in size: the one that covers most labels, then nearest to the share, is taken.
    best = min(parts, key=lambda part: (-len({labels[index] for index in part}), abs(len(part) - wanted)))
    return {groups[index] for index in best}


def _parts(labels: Sequence[str], groups: Sequence[str], folds: int, seed: int) -> list[np.ndarray]:
    """Places of the recordings in each part, of whole groups, labels spread as evenly as groups allow."""
    # Not every label can be in every part, which scikit-learn would warn of: the caller sees to it.
    order = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([order[label] for label in labels])
    # Where no label has as many recordings as there are parts, there is nothing to spread evenly but groups.
    if np.bincount(codes).max(initial=0) < folds:
        names = np.random.default_rng(seed).permutation(sorted(set(groups)))
        return [np.flatnonzero(np.isin(groups, names[part::folds])) for part in range(folds)]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return [test for _, test in _quiet_split(splitter, np.arange(len(labels)), codes, np.array(groups))]


def _quiet_split(splitter: StratifiedGroupKFold, *arrays: np.ndarray) -> list:  # type: ignore[type-arg]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(*arrays))


def _leave_training_for_all(recordings: Sequence[Recording], groups: Sequence[str], held_out: set[str]) -> set[str]:
    """Give back the smallest held-out group of every label that has lost all its training."""
    held_out = set(held_out)
    sizes: dict[str, int] = defaultdict(int)
    for group in groups:
        sizes[group] += 1
    for label in dict.fromkeys(label for recording in recordings for label in recording.labels):
        own = {group for r, group in zip(recordings, groups, strict=True) if label in r.labels}
        if own <= held_out:
            held_out.remove(min(own, key=lambda group: (sizes[group], group)))
    return held_out
