"""A submission that claims nothing, every score the same: valid, for a run in which the network cannot be heard."""

from pathlib import Path

from birdclef_mind.data.answers import answers_text, constant_cells
from birdclef_mind.data.form import ANSWERS, SAMPLE_SUBMISSION, form_of_rows
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.soundscapes import find_soundscapes, more_rows
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.ledger import refuse_others, write_own


def write_constant(root: Path, out: Path) -> int:
    """Write it for the competition at `root`, in the form and with the rows of its sample submission; how many rows.

    Rows of soundscapes beside those that the sample lists are there too, as far as these can be read.

    Raises
    ------
    ConfigError : somebody else's file stands at `out`. TableError : there is no sample submission that can be read.
    """
    refuse_others([out], ConfigError)
    sample = read_sample_submission(root / SAMPLE_SUBMISSION)
    windows = _heard(root, sample.row_ids)
    cells = constant_cells(sample.rows, sample.labels)
    text = answers_text(sample.rows, sample.labels, [(row_id, cells) for row_id in windows])
    write_own(out, text.encode("utf-8"))
    return len(windows) * (len(sample.labels) if sample.rows == ANSWERS else 1)


def _heard(root: Path, row_ids: tuple[str, ...]) -> list[str]:
    """The windows that are asked for: of soundscapes that are there, or those of the sample where none is."""
    rows = dict.fromkeys(row_ids)
    try:
        sounds = find_soundscapes(root, row_ids, form_of_rows(root))
        more = more_rows(sounds, row_ids)
        absent = sounds.absent if sounds.found else frozenset()
        return [*(row_id for row_id in rows if row_id.rpartition("_")[0] not in absent), *more]
    except Exception:  # The rows of the sample alone are a file that Kaggle can score.
        return [*rows]
