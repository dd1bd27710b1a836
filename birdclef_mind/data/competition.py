"""A BirdCLEF competition folder of any year: its tables checked, its recordings and soundscapes."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from birdclef_mind.checks import some_of
from birdclef_mind.data.collection import sounds_of
from birdclef_mind.data.form import FORMS, SCORES, TEST_SOUNDSCAPES, USUAL, Form, form_of
from birdclef_mind.data.labelled import Labelled, read_labelled, unlabelled
from birdclef_mind.data.sample_submission import SampleSubmission, sample_of
from birdclef_mind.data.taxonomy import Species, read_species
from birdclef_mind.data.training_table import Recording, read_training_table
from birdclef_mind.errors import TableError
from birdclef_mind.sound.audio import SUFFIXES
from birdclef_mind.storage.tables import frame_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Competition:
    """A checked competition folder; `open_competition` makes it.

    Attributes
    ----------
    recordings : of the training table. sample : None where there is no sample submission. labelled : soundscapes.
    species : by label. notes : a line for whatever was left out. problems : a line for each table beside soundscapes,
        or part of one, that helps nobody, and for recordings that are links which lead out of their folder.
    """

    root: Path
    recordings: tuple[Recording, ...]
    sample: SampleSubmission | None
    form: Form = USUAL
    labelled: Labelled = field(default_factory=Labelled)
    species: dict[str, Species] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """A label for each recording, then for each that is heard in a labelled soundscape, in order."""
        heard = [label for one in self.labelled.soundscapes for part in one.windows or () for label in part.labels]
        return [*(recording.label for recording in self.recordings), *heard]

    def table(self) -> "pd.DataFrame":
        """The training table as a DataFrame, a recording a row, with the columns of `Recording`."""
        return frame_of(Recording, self.recordings)

    def audio_path(self, recording: Recording) -> Path:
        """Where a recording's sound should be; it may be missing."""
        return sound_path(self.root, self.form, recording.filename)

    def soundscapes(self) -> list[Path]:
        """Test soundscapes on disk, sorted by name; none is legal, since Kaggle mounts them only in the hidden run."""
        return list_soundscapes(self.root)

    def unlabelled(self) -> list[Recording]:
        """Soundscapes to learn from that nobody labelled, sorted by name."""
        return list(unlabelled(self.root, self.form, {one.filename for one in self.labelled.soundscapes}))


def open_competition(root: Path) -> Competition:
    """Check a folder's tables and open it; TableError names table, column and row of what is wrong."""
    form = form_of(root)
    sample = sample_of(root)
    known = _known(sample)
    table = read_training_table(form.table_of(root), known, form)
    recordings, outside = _without_links_out(root, form, table.recordings, sounds_of(root))
    species = read_species(root, table)
    classes = known or list(dict.fromkeys(recording.label for recording in recordings))
    labelled = read_labelled(root, form, classes)
    notes = [
        *_left_out("secondary labels", table.outside),
        *_left_out(f"labels of {some_of(labelled.of, 3)}", labelled.outside),
    ]
    if labelled.rows > labelled.distinct:
        notes.append(f"{form.labelled}: {labelled.rows} rows, {labelled.distinct} of them distinct")
    problems = (*outside, *labelled.problems)
    return Competition(root, recordings, sample, form, labelled, species, tuple(notes), problems)


def require_linked(competition: Competition, recordings: Sequence[Recording]) -> None:
    """Raise TableError for a collection whose links to these recordings all lead nowhere: they were moved away."""
    root, sounds = competition.root, sounds_of(competition.root)
    if sounds and not any(_may_be_there(competition.audio_path(recording)) for recording in recordings):
        again = shlex.join(["birdclef-mind", "collect", "FOLDER", str(root)])
        raise TableError(
            f"{root}: expected the sounds that it links to in {sounds}, found none of {len(recordings)}; move them "
            f"back there, or run `{again}` with the folder where they are now"
        )


def sound_path(root: Path, form: Form, filename: str) -> Path:
    """Where a sound should be: of a recording below the folder of recordings, of a soundscape below its own."""
    home, below = _home(root, form, filename)
    return home / below


def recording_path(root: Path, filename: str) -> Path | None:
    """Where a recording's sound is, whatever year's folder it is; None when missing, or its name leads out."""
    elsewhere = sounds_of(root)
    for home, below in dict.fromkeys(_home(root, form, filename) for form in FORMS.values()):
        try:
            inside, path = home.resolve(), (home / below).resolve()
        except (OSError, RuntimeError):
            continue
        if _is_allowed(path, inside, elsewhere) and ".." not in Path(below).parts and path.is_file():
            return path
    return None


def has_recordings(root: Path) -> bool:
    """Whether a folder has one of recordings, under the name of any year."""
    return any((root / form.audio).is_dir() for form in FORMS.values())


def _home(root: Path, form: Form, filename: str) -> tuple[Path, str]:
    """The folder that a sound has to be in, and its path in it."""
    first, _, below = filename.partition("/")
    return (root / first, below) if form.soundscapes and first == form.soundscapes else (root / form.audio, filename)


def list_soundscapes(root: Path) -> list[Path]:
    """Sound files of `test_soundscapes`, sorted by name; an absent folder holds none."""
    folder = root / TEST_SOUNDSCAPES
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def _may_be_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # What may not be looked into may be there.
        return True


def _known(sample: SampleSubmission | None) -> Sequence[str] | None:
    """The classes, where a table lists them: the columns of the sample submission."""
    return sample.labels if sample and sample.rows == SCORES else None


def _left_out(what: str, outside: Counter[str]) -> list[str]:
    if not outside:
        return []
    total = outside.total()
    return [f"{what} that are none of the classes are left out: {some_of(list(outside))} ({total} in all)"]


def _is_allowed(path: Path, home: Path, elsewhere: Path | None) -> bool:
    """Whether a sound, links followed, is in its folder, or where the sounds of a collection are."""
    return path.is_relative_to(home) or (elsewhere is not None and path.is_relative_to(elsewhere))


def _without_links_out(
    root: Path, form: Form, recordings: Sequence[Recording], elsewhere: Path | None
) -> tuple[tuple[Recording, ...], list[str]]:
    """Recordings that are in their folder, and a line for the others; TableError where none is."""
    # Kaggle's own mounts may be links, so what counts is the resolved audio folder.
    home = (root / form.audio).resolve()
    kept, rows = [], []
    for row, recording in enumerate(recordings, start=2):
        try:
            inside = _is_allowed((home / recording.filename).resolve(), home, elsewhere)
        except (OSError, RuntimeError):
            # Links in a circle lead nowhere; the recording is listed as missing.
            inside = True
        if inside:
            kept.append(recording)
        else:
            rows.append(row)
    if not rows:
        return tuple(kept), []
    where, first = f"{form.table_of(root).name}, row {rows[0]}, column filename", recordings[rows[0] - 2].filename
    what = f"expected a path inside {form.audio}, got {first!r}, a link that leads out of it"
    if not kept:
        raise TableError(f"{where}: {what}, as all recordings are")
    return tuple(kept), [f"{where}: {what}; left out ({len(rows)} in all)"]
