"""Lists of what a model knows, as their makers write them."""

import re
from collections.abc import Sequence
from pathlib import Path

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ListenerError, TableError
from birdclef_mind.storage.tables import table_rows

# A genus and a species, and whatever follows.
_SCIENTIFIC = re.compile(r"[A-Z][a-z-]+ [a-z-]+.*")
_COLUMNS = ("common_name", "scientific_name", "class_name")


def read_species_list(path: Path, column: str = "") -> tuple[Species, ...]:
    """A list of what a model knows: a name a line, or a table, of which `column` has the model's own names.

    A line is a label, a scientific name, or `Scientific name_Common name`. ListenerError for what is no list.
    """
    if column:
        try:
            return tuple(_of_cells(cells, column) for _, cells in table_rows(path, (column,)))
        except TableError as error:
            raise ListenerError(f"{path}: expected a table of labels, got another ({error})") from error
    lines = [line.strip() for line in _lines(path)]
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) > 1 and all("," in line for line in lines):
        raise ListenerError(
            f'{path}: expected a label a line, got a table; say `column = "…"` with one of its columns: '
            f"{lines[0][:200]}"
        )
    return tuple(map(_of_line, lines))


def require_count(species: Sequence[Species], count: int, path: Path) -> None:
    """Raise ListenerError for a list of another length than a model has outputs."""
    if len(species) == count:
        return
    hint = ""
    if len(species) == count + 1:
        hint = f'; where the first line is the column\'s name, say `column = "{species[0].label}"`'
    raise ListenerError(f"{path}: expected {count} labels, as many as the model has outputs, got {len(species)}{hint}")


def _of_cells(cells: dict[str, str], column: str) -> Species:
    common, scientific, animal = (cells.get(name, "") for name in _COLUMNS)
    return Species(cells[column], common, scientific or _of_line(cells[column]).scientific_name, animal)


def _of_line(line: str) -> Species:
    scientific, _, common = line.partition("_")
    if _SCIENTIFIC.fullmatch(scientific) and "_" not in common:
        return Species(line, common, scientific)
    return Species(line)


def read_birdnet_labels(model: Path, labels: Path | None, count: int) -> tuple[Species, ...]:
    """BirdNET's list: a line `Scientific name_Common name` for each logit, in their order.

    Where no list is given, the one beside the model, or in a folder `labels` there, that has so many lines is taken;
    English ones first. ListenerError for one of another length, a line of another form, and where there is none.
    """
    if labels is not None:
        return _birdnet(labels, count)
    found = birdnet_lists(model)
    for path in found:
        if len(_lines(path)) == count:
            return _birdnet(path, count)
    there = f"found {', '.join(path.name for path in found)}" if found else "found none"
    raise ListenerError(f"{model}: expected beside it a list of its {count} species, such as *Labels.txt, {there}")


def birdnet_lists(model: Path) -> list[Path]:
    """Lists of BirdNET's that stand beside a model, or in a folder `labels` there; English ones first."""
    found = [path for pattern in ("*abels*.txt", "labels/*.txt") for path in sorted(model.parent.glob(pattern))]
    return sorted(found, key=lambda path: "en" not in path.stem.lower().split("_"))


def _birdnet(path: Path, count: int) -> tuple[Species, ...]:
    lines = _lines(path)
    if len(lines) != count:
        raise ListenerError(f"{path}: expected {count} species, as many as the model has, got {len(lines)}")
    pairs = [line.split("_") for line in lines]
    for number, (line, pair) in enumerate(zip(lines, pairs, strict=True), start=1):
        if len(pair) != 2:
            raise ListenerError(f"{path}, line {number}: expected 'Scientific name_Common name', got {line[:60]!r}")
    return tuple(Species(line, common, scientific) for line, (scientific, common) in zip(lines, pairs, strict=True))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ListenerError(f"{path}: expected a list of species, got a file that is no text ({error})") from error
