"""The tables of the invented competition, as each year writes them, with each year's traps in them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.data.answers import answers_text, constant_cells, names_cell
from birdclef_mind.data.form import (
    ANSWERS,
    NAMES,
    SAMPLE_SUBMISSION,
    SCORED,
    SCORES,
    TAXONOMY,
    Form,
)
from birdclef_mind.data.sample_sounds import Species
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage import files
from birdclef_mind.storage.tables import csv_text

TRUTH = "truth.csv"
# As many as the competition's own table lists before the hidden run.
_LISTED = 3
# A label that is no column, as tables of 2024 have some.
_OUTSIDE = "samout1"
# Soundscapes to learn from that somebody labelled, where anybody did; and sites of them.
_LABELLED = 8
_SITES = ("S05", "S22", "COR", "SSW")


@dataclass(frozen=True)
class Clip:
    """A recording's row: the cells that some year's table has, by column. `file` is its name without a folder."""

    file: str
    cells: dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """A soundscape's name without an ending, and the labels of what sings in each of its windows, sorted."""

    name: str
    windows: tuple[tuple[str, ...], ...]


_COLUMNS: dict[int, tuple[str, ...]] = {
    2021: (
        "primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name",
        "author", "date", "filename", "license", "rating", "time", "url",
    ),
    2022: (
        "primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name",
        "author", "license", "rating", "time", "url", "filename",
    ),
    2023: (
        "primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name",
        "author", "license", "rating", "url", "filename",
    ),
    2025: (
        "primary_label", "secondary_labels", "type", "filename", "collection", "rating", "url", "latitude", "longitude",
        "scientific_name", "common_name", "author", "license",
    ),
    2026: (
        "primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name",
        "class_name", "inat_taxon_id", "author", "license", "rating", "url", "filename", "collection",
    ),
}  # fmt: skip
_COLUMNS[2024] = _COLUMNS[2023]


def named(species: Sequence[Species], form: Form) -> list[Species]:
    """Species with the labels that a year gives them: taxon ids beside codes since 2025, a sonotype last in 2026."""
    if form.year < 2025:
        return list(species)
    numbered = [
        replace(one, code=str(90_011 + 7 * place)) if _is_insect(place) else one for place, one in enumerate(species)
    ]
    if form.year == 2026:
        numbered[-1] = replace(numbered[-1], code="90158son01")
    return numbered


def with_clips(form: Form, count: int) -> int:
    """How many of the species have recordings of their own: in 2026 the last one has none."""
    return count - 1 if form.year == 2026 else count


def clip(
    form: Form, one: Species, number: int, author: int, *, secondary: Sequence[str], rng: np.random.Generator
) -> Clip:
    """A row of the training table."""
    latitude, longitude = f"{rng.uniform(-3, 3):.4f}", f"{rng.uniform(34, 40):.4f}"
    file = f"SYN{number:05d}.ogg"
    others = [*secondary, *([one.code] if form.year == 2026 and secondary else ())]
    others += [_OUTSIDE] if form.year == 2024 and number % 7 == 2 else []
    return Clip(
        file,
        {
            "primary_label": one.code,
            "secondary_labels": repr(others or ([""] if form.year == 2025 else [])),
            "type": "['song']", "latitude": latitude, "longitude": longitude,
            "scientific_name": f"Exemplum {one.song}", "common_name": one.common_name,
            "author": "Unknown" if form.year == 2026 and author == 1 else f"Sample author {author}",
            "license": "CC0 1.0", "rating": "4.0", "url": "", "date": f"2019-05-{author:02d}", "time": "08:00",
            "filename": f"{one.code}/{file}" if form.nested else file,
            "collection": "iNat" if one.code[0].isdecimal() else "XC",
            "class_name": _animal(one), "inat_taxon_id": one.code if one.code.isdecimal() else "1",
        },
    )  # fmt: skip


def write_training(out: Path, form: Form, clips: Sequence[Clip]) -> None:
    """Write the training table."""
    columns = _COLUMNS[form.year]
    rows = [[clip.cells[name] for name in columns] for clip in clips]
    files.write_text(out / form.tables[0], csv_text(columns, rows))


def names_of_tests(form: Form, count: int) -> list[str]:
    """Names of test soundscapes."""
    return [form.test_name(90_001 + number) for number in range(count)]


def training_names(form: Form) -> list[str]:
    """Names of soundscapes to learn from: of two sites each, six or ten where somebody labelled some, else two."""
    if not form.soundscapes:
        return []
    if form.dated:
        return [f"{91_001 + number}_{_SITES[2 + number % 2]}_20190{5 + number % 2}01" for number in range(6)]
    if form.labelled:
        return [f"BC{form.year}_Train_{91_001 + number}_{_SITES[number % 2]}_20211231_201500" for number in range(10)]
    return [f"H0{1 + number}_20230420_0{number}4000_{92_001 + number}" for number in range(2)]


def write_submission(out: Path, form: Form, species: Sequence[Species], heard: Sequence[Heard]) -> None:
    """Write `sample_submission.csv`, and the list of scored birds where there is one."""
    labels = _labels(form, species)
    if form.rows == ANSWERS:
        files.write_text(out / SCORED, json.dumps(labels))
    windows = _windows(form, heard)
    # All rows of the first soundscape, or few enough that more are meant.
    rows = len(heard[0].windows) if heard else 0
    listed = windows[: _LISTED if rows > 2 * _LISTED else rows]
    equal = ",".join([f"{1 / len(labels):.4f}"] * len(labels))
    cells = equal if form.rows == SCORES else constant_cells(form.rows, labels)
    files.write_text(
        out / SAMPLE_SUBMISSION, answers_text(form.rows, labels, [(row_id, cells) for row_id, _ in listed])
    )


def truth(form: Form, species: Sequence[Species], heard: Sequence[Heard]) -> str:
    """What sings in every window of the test soundscapes, as that year would answer it."""
    labels = _labels(form, species)
    words = ("False", "True") if form.rows == ANSWERS else ("0", "1")
    found = []
    for row_id, present in _windows(form, heard):
        cells = ",".join(words[label in present] for label in labels)
        found.append((row_id, names_cell(present) if form.rows == NAMES else cells))
    return answers_text(form.rows, labels, found)


def write_labels(out: Path, form: Form, heard: Sequence[Heard]) -> None:
    """Write what sings in the windows of labelled soundscapes: in 2026 each row twice, and none where nothing sings.

    The ninth and later ones nobody labelled.
    """
    if not form.labelled:
        return
    rows: list[list[Any]] = []
    for one in heard[:_LABELLED]:
        for number, present in enumerate(one.windows):
            end_s = (number + 1) * ROW_S
            if form.dated:
                audio_id, site, _ = one.name.split("_")
                rows.append([f"{audio_id}_{site}_{end_s}", site, audio_id, end_s, names_cell(present)])
            elif present:
                rows.append([f"{one.name}.ogg", _clock(end_s - ROW_S), _clock(end_s), ";".join(present)])
    ids, spans = ("row_id", "site", "audio_id", "seconds", "birds"), ("filename", "start", "end", "primary_label")
    table = csv_text(ids, rows) if form.dated else csv_text(spans, rows * 2)
    files.write_text(out / form.labelled, table)


def write_taxonomy(out: Path, form: Form, species: Sequence[Species]) -> None:
    """Write what the labels are, where a year has such a table."""
    if TAXONOMY not in form.needs:
        return
    rows = [
        [one.code, one.code if one.code.isdecimal() else "1", f"Exemplum {one.song}", one.common_name, _animal(one)]
        for one in sorted(species, key=lambda one: one.code)
    ]
    header = ("primary_label", "inat_taxon_id", "scientific_name", "common_name", "class_name")
    files.write_text(out / TAXONOMY, csv_text(header, rows))


def _labels(form: Form, species: Sequence[Species]) -> list[str]:
    """Labels that are answered for: in 2022 half of them."""
    labels = sorted(one.code for one in species)
    return labels[: (len(labels) + 1) // 2] if form.rows == ANSWERS else labels


def _windows(form: Form, heard: Sequence[Heard]) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (f"{form.row_name(one.name)}_{(number + 1) * ROW_S}", present)
        for one in heard for number, present in enumerate(one.windows)
    ]  # fmt: skip


def _is_insect(place: int) -> bool:
    return place % 3 == 1


def _animal(one: Species) -> str:
    return "Insecta" if one.code[0].isdecimal() else "Aves"


def _clock(seconds: int) -> str:
    return f"00:{seconds // 60:02d}:{seconds % 60:02d}"
