"""A submission that claims nothing, every score the same: valid, for a run in which the network cannot be heard."""

import io
from pathlib import Path

from birdclef_mind.data.competition import SAMPLE_SUBMISSION, read_sample_submission
from birdclef_mind.data.soundscapes import expected_rows, find_soundscapes, names_in
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.ledger import refuse_others, write_own
from birdclef_mind.storage.tables import table_writer


def write_constant(root: Path, out: Path) -> int:
    """Write it for the competition at `root`, with the columns and rows of its sample submission; how many rows.

    Rows of soundscapes beside those that the sample lists are there too, as far as these can be read.

    Raises
    ------
    ConfigError : somebody else's file stands at `out`. TableError : there is no sample submission that can be read.
    """
    refuse_others([out], ConfigError)
    sample = read_sample_submission(root / SAMPLE_SUBMISSION)
    rows = dict.fromkeys(sample.row_ids)
    rows.update(dict.fromkeys(_heard(root, sample.row_ids)))
    score = f"{1 / (len(sample.labels) + 1):.7g}"
    buffer = io.StringIO()
    writer = table_writer(buffer)
    writer.writerow(("row_id", *sample.labels))
    writer.writerows([row_id, *[score] * len(sample.labels)] for row_id in rows)
    write_own(out, buffer.getvalue().encode("utf-8"))
    return len(rows)


def _heard(root: Path, row_ids: tuple[str, ...]) -> list[str]:
    rows, listed = dict.fromkeys(row_ids), names_in(row_ids)
    try:
        found = find_soundscapes(root, row_ids).found
        return [row_id for one in found for row_id in expected_rows(one, rows, listed[one.name])]
    except Exception:  # The rows of the sample alone are a file that Kaggle can score.
        return []
