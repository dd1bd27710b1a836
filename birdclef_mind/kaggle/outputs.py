"""Where a submission, its log and its events are written: places that do not meet, and that are this program's."""

import os
from itertools import combinations
from pathlib import Path

from birdclef_mind.data.event_tables import is_text_of_events
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.ledger import refuse_others

# Whoever opens a file of such a name expects something else than a table of text.
_OTHER_KINDS = (".feather", ".gz", ".json", ".parquet", ".xls", ".xlsx", ".zip")


def log_path(out: Path) -> Path:
    """Where the log of a submission stands; names that differ in their ending alone have logs of their own.

    >>> log_path(Path("runs/submission.csv")).name, log_path(Path("runs/submission.CSV")).name
    ('submission.log', 'submission.CSV.log')
    """
    return out.with_suffix(".log") if out.suffix == ".csv" else out.with_name(f"{out.name}.log")


def refuse_outputs(out: Path, events: Path | None = None, *, folder: bool = False) -> None:
    """Raise ConfigError unless submission, log and events are different files that this program may write, so called.

    `folder` says that events are one: a folder of tables, of which all that are there have to be this program's, and
    in which no submission stands that could have the place of one.
    """
    if not out.suffix:
        # Its log would be that of the same name with .csv.
        raise ConfigError(f"submission: expected a name with an ending, such as {out.name}.csv, got {out}")
    if out.suffix.lower() == ".log":
        raise ConfigError(f"submission: expected another ending than its log has, got {out}")
    places = {"submission": out, "log": log_path(out)} | ({"events": events} if events else {})
    for (one, path), (other, second) in combinations(places.items(), 2):
        if os.path.realpath(path) == os.path.realpath(second):
            raise ConfigError(f"{one} and {other}: expected different files, got {path} for both")
    if events and folder:
        _refuse_among_tables(out, events)
    tables = {name: path for name, path in places.items() if name != "events" or not folder}
    refuse_others(list(tables.values()), ConfigError)
    for name, path in tables.items():
        if path.suffix.lower() in _OTHER_KINDS:
            raise ConfigError(f"{name}: expected a name that ends in .csv, since it is a table of text, got {path}")


def _refuse_among_tables(out: Path, events: Path) -> None:
    if events.exists() and not events.is_dir():
        raise ConfigError(f"{events}: expected a folder for a table a soundscape, found a file")
    if Path(os.path.realpath(events)).is_relative_to(os.path.realpath(out)):
        raise ConfigError(f"events: expected a folder that is not below the submission {out}, got {events}")
    if out.suffix.lower() == ".txt" and os.path.realpath(out.parent) == os.path.realpath(events):
        raise ConfigError(f"submission: expected another place than among the tables of events in {events}, got {out}")
    tables = sorted(events.glob("*.txt"))
    refuse_others(tables, ConfigError)
    for path in tables:
        if path.stat().st_size and not is_text_of_events(path):
            raise ConfigError(f"{path}: expected tables of events alone, found another text; move it away")
