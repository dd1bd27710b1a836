"""Which year's competition a folder holds: its tables, folders, rows, measure, minutes. Nothing else knows a year."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.errors import TableError
from birdclef_mind.storage.folder_kinds import kind_of, known_kinds
from birdclef_mind.storage.tables import header_of

SAMPLE_SUBMISSION = "sample_submission.csv"
TEST_SOUNDSCAPES = "test_soundscapes"
TRAIN_AUDIO = "train_audio"
SCORED = "scored_birds.json"
TAXONOMY = "taxonomy.csv"
METADATA, TRAIN = "train_metadata.csv", "train.csv"

# How a submission answers: a score a label in columns, names in one cell, or a row a label with True or False.
SCORES, NAMES, ANSWERS = "scores", "names", "answers"
# Kaggle stops a run at a form's minutes; loading and writing need a few of them.
_RESERVE_MINUTES = 10.0


_CLOCK = re.compile(r"_\d{8}_([01]\d|2[0-3])[0-5]\d[0-5]\d(?=_|$)")


def hour_of(stem: str) -> int | None:
    """The hour at which a soundscape begins, from its file's name without an ending; None where that does not tell.

    >>> hour_of("BC2026_Train_0039_S22_20211231_201500"), hour_of("H02_20230420_074000"), hour_of("7019_COR_20190904")
    (20, 7, None)
    """
    found = _CLOCK.search(stem)
    return int(found[1]) if found else None


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the competition of one year looks.

    Attributes
    ----------
    year : of the first competition of this form. needs : paths that a folder of it has; "a|b" is one of two.
    tables : names of the training table, the usual one first. audio : folder of the recordings.
    nested : whether file names in the table have the label's folder in them.
    rows : `SCORES`, `NAMES` or `ANSWERS`. metric : name of its measure, see `metrics`.
    minutes : Kaggle's limit. soundscape_s : usual length of a test soundscape.
    soundscapes : folder of soundscapes to learn from, "" for none. labelled : the table of their labels, "" for none.
    dated : whether soundscapes' file names end in a date that row ids lack.
    """

    year: int
    needs: tuple[str, ...]
    tables: tuple[str, ...] = (METADATA,)
    audio: str = TRAIN_AUDIO
    nested: bool = True
    rows: str = SCORES
    metric: str
    minutes: float
    soundscape_s: float
    soundscapes: str = ""
    labelled: str = ""
    dated: bool = False

    @property
    def slug(self) -> str:
        """The competition's name in addresses on Kaggle."""
        return f"birdclef-{self.year}"

    @property
    def deadline_minutes(self) -> float:
        """By when a submission should be done, in minutes."""
        return self.minutes - _RESERVE_MINUTES

    def table_of(self, root: Path) -> Path:
        """The training table of a folder; the usual name where it has none."""
        return next((root / name for name in self.tables if (root / name).is_file()), root / self.tables[0])

    def row_name(self, stem: str) -> str:
        """The name that a soundscape has in row ids, from its file's name without an ending.

        >>> FORMS[2021].row_name("7019_COR_20190904"), FORMS[2023].row_name("soundscape_29201")
        ('7019_COR', 'soundscape_29201')
        """
        name, _, date = stem.rpartition("_")
        return name if self.dated and name and date.isdecimal() and len(date) == 8 else stem

    def test_name(self, number: int) -> str:
        """The name, without an ending, of a test soundscape as that year has them.

        >>> FORMS[2021].test_name(7019), FORMS[2023].test_name(29201)
        ('7019_COR_20190904', 'soundscape_29201')
        """
        if self.dated:
            return f"{number}_COR_20190904"
        return f"BC{self.year}_Test_{number:04d}_S05_20250227_010002" if self.labelled else f"soundscape_{number}"

    def site_of(self, stem: str) -> str:
        """Where a soundscape was recorded, from its file's name without an ending; "" where that does not tell.

        >>> FORMS[2021].site_of("7019_COR_20190904"), FORMS[2026].site_of("BC2026_Train_0039_S22_20211231_201500")
        ('COR', 'S22')
        """
        parts = stem.split("_")
        day = next((place for place, part in enumerate(parts) if part.isdecimal() and len(part) == 8), 0)
        if day:
            return parts[day - 1]
        return parts[-1] if self.dated and len(parts) > 1 else ""

    def lacks(self, root: Path) -> list[str]:
        """What a folder lacks to be of this form."""
        return [need for need in self.needs if not any(_is_there(root, name) for name in need.split("|"))]


_TABLE = f"{TRAIN}|{METADATA}"
FORMS = {
    form.year: form
    for form in (
        Form(
            year=2026, needs=(_TABLE, f"{TRAIN_AUDIO}/", TAXONOMY, "train_soundscapes_labels.csv"),
            tables=(TRAIN, METADATA), metric="roc_auc", minutes=90, soundscape_s=60, soundscapes="train_soundscapes",
            labelled="train_soundscapes_labels.csv",
        ),
        Form(
            year=2025, needs=(_TABLE, f"{TRAIN_AUDIO}/", TAXONOMY), tables=(TRAIN, METADATA), metric="roc_auc",
            minutes=90, soundscape_s=60, soundscapes="train_soundscapes",
        ),
        Form(
            year=2024, needs=(METADATA, f"{TRAIN_AUDIO}/", "unlabeled_soundscapes/"), metric="roc_auc", minutes=120,
            soundscape_s=240, soundscapes="unlabeled_soundscapes",
        ),
        Form(
            year=2022, needs=(METADATA, f"{TRAIN_AUDIO}/", SCORED), rows=ANSWERS, metric="balanced_accuracy",
            minutes=540, soundscape_s=60,
        ),
        Form(
            year=2021, needs=(METADATA, "train_short_audio/"), audio="train_short_audio", nested=False, rows=NAMES,
            metric="micro_f1", minutes=540, soundscape_s=600, soundscapes="train_soundscapes",
            labelled="train_soundscape_labels.csv", dated=True,
        ),
        Form(
            year=2023, needs=(METADATA, f"{TRAIN_AUDIO}/"), metric="padded_cmap", minutes=120, soundscape_s=600,
        ),
    )
}  # fmt: skip
USUAL = FORMS[2023]
SOUNDSCAPE_FOLDERS = tuple(
    sorted({TEST_SOUNDSCAPES, *(form.soundscapes for form in FORMS.values() if form.soundscapes)})
)
# A walk through the sounds of a competition takes minutes.
LARGE_FOLDERS = frozenset({*SOUNDSCAPE_FOLDERS, *(form.audio for form in FORMS.values() if form.audio)})


def is_competition(folder: Path) -> bool:
    """Whether a folder is a competition of any year."""
    return any(not form.lacks(folder) for form in FORMS.values())


def form_of(root: Path) -> Form:
    """The form of a competition folder; TableError says which were looked for, and what the nearest one lacks.

    Of several that fit the one that needs most is meant.
    """
    if not root.is_dir():
        raise TableError(f"{root}: expected a competition folder, found {kind_of(root)}")
    for form in FORMS.values():
        if not form.lacks(root):
            return form
    nearest = min(FORMS.values(), key=lambda form: (len(form.lacks(root)) / len(form.needs), form is not USUAL))
    lacking = ", ".join(need.replace("|", " or ") for need in nearest.lacks(root))
    years = ", ".join(str(year) for year in sorted(FORMS))
    raise TableError(
        f"{root}: expected a competition folder as in {years}; nearest is {nearest.year}, which needs {lacking} too; "
        f"found {_found(root)}"
    )


def form_of_rows(root: Path) -> Form:
    """The form of a folder that a submission is written for, which may lack what is there to learn from.

    Without a year's marks the header of its sample submission tells, then its taxonomy.
    """
    if is_competition(root):
        return form_of(root)
    rows = rows_of_header(header_of(root / SAMPLE_SUBMISSION))
    if rows != SCORES:
        return next(form for form in FORMS.values() if form.rows == rows)
    return FORMS[2025] if (root / TAXONOMY).is_file() else USUAL


def rows_of_header(header: Iterable[str]) -> str:
    """How a table with such columns answers.

    >>> rows_of_header(["row_id", "birds"]), rows_of_header(["row_id", "target"]), rows_of_header(["row_id", "barswa"])
    ('names', 'answers', 'scores')
    """
    return {"row_id,birds": NAMES, "row_id,target": ANSWERS}.get(",".join(header), SCORES)


def _is_there(root: Path, name: str) -> bool:
    try:
        return (root / name).is_dir() if name.endswith("/") else (root / name).is_file()
    except OSError:  # What may not be looked into is not what is looked for.
        return False


def _found(root: Path) -> str:
    """What a folder is, where it is of another kind, or else what is in it."""
    kind = kind_of(root)
    if kind in known_kinds() and not (root / METADATA).is_file():
        return kind
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "an empty folder"
