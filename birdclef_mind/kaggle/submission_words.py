"""What is told beside a submission: what is not as it was asked for, and what is unusual."""

from collections.abc import Iterator

from birdclef_mind.checks import some_of
from birdclef_mind.data.form import SAMPLE_SUBMISSION, SCORES, Form
from birdclef_mind.data.soundscapes import Soundscapes, remarks
from birdclef_mind.kaggle.answer import Known
from birdclef_mind.kaggle.answering import Answering, Averaged
from birdclef_mind.kaggle.settings import RANKS, Submitting
from birdclef_mind.kaggle.submission_table import Table


def nowhere(table: Table, own: Known) -> list[str]:
    """A line for classes of the network that are no column, where their names look alike, or none is."""
    if len(table.strangers) < len(own.classes):
        folded = {name.strip().casefold(): name for name in table.columns}
        alike = [(name, folded[name.casefold()]) for name in table.strangers if name.casefold() in folded]
        return [f"{name} of the network is not the column {column!r}: its scores are nowhere" for name, column in alike]
    known = f"{len(own.classes)} {own.are}"
    return [f"none of the network's {known} is a column that is asked for: every score is 0"]


def nothing(table: Table) -> list[str]:
    """A line where no row is asked for."""
    where = f"there are no soundscapes, and no {SAMPLE_SUBMISSION} that lists rows"
    return [] if table.count else [f"no row is asked for: {where}"]


def not_done(submitting: Submitting, answering: Answering, table: Table) -> Iterator[str]:
    """A line for whatever is asked for and cannot be done here."""
    plain = Submitting(shifts=submitting.shifts)
    if table.form != SCORES and submitting != plain:
        yield "smoothing, file_power, habits and blend are for competitions that ask for scores: nothing is done here"
        return
    if submitting.habits and not (answering.known.habits.sites or answering.known.habits.hours):
        yield "habits: the network learned from no labelled soundscapes whose names tell site or hour: nothing changes"
    if submitting.blend == RANKS and not isinstance(answering, Averaged):
        yield "blend: ranks are of several bundles, and here is one, so that its scores stay as they are"


def unusual(sounds: Soundscapes, table: Table, has_sample: bool, own: Known, form: Form) -> list[str]:
    """What is unusual, and how it was taken."""
    name = SAMPLE_SUBMISSION
    lines = [] if has_sample else [f"{name} is missing: answers are for what the network knows, by name"]
    if not sounds.found and table.count:
        lines.append("there are no soundscapes: every row the sample lists has its priors")
    are, unknown = own.are, [name for name in table.columns if name not in own.classes.names]
    if unknown:
        lines.append(f"{len(unknown)} columns are {are} the network does not know, and have 0: {some_of(unknown)}")
    if table.strangers:
        lines.append(f"{len(table.strangers)} {are} of the network are not asked for: {some_of(table.strangers)}")
    return [*lines, *remarks(sounds.found, own.sample_rate_hz, form.soundscape_s)]
