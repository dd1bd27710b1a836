"""The whole way in every year's form: pictures, a network, a submission that is valid there, and its measure."""

import csv
import json

import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.form import FORMS
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.networks import bundle as bundles


def run(*words):
    return main([*map(str, words), "--quiet"])


@pytest.fixture(scope="module", params=sorted(FORMS))
def way(request, year_folder, tmp_path_factory):
    """(year, competition, folder with `cache`, `bundle` and `s.csv`)."""
    year, out = request.param, tmp_path_factory.mktemp(f"way_{request.param}")
    root = year_folder(year)
    assert run("cache", root, out / "cache", "--jobs", "1") == 0
    assert run("train", out / "cache", out / "bundle", "--epochs", "3", "--batch-size", "8") == 0
    assert run("infer", out / "bundle", root, out / "s.csv") == 0
    return year, root, out


def test_the_submission_is_in_the_years_form(way):
    year, root, out = way
    with (root / "truth.csv").open() as file:
        wanted = list(csv.reader(file))
    with (out / "s.csv").open() as file:
        given = list(csv.reader(file))
    assert given[0] == wanted[0]
    assert {row[0] for row in given} == {row[0] for row in wanted}
    assert read_scores(out / "s.csv").form == FORMS[year].rows


def test_the_years_measure_comes_first(way, capsys):
    year, root, out = way
    assert main(["score", str(out / "s.csv"), str(root / "truth.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "(the competition's measure" in lines[2]
    assert lines[2].split("  ")[0] in ("row-wise F1", "accuracy of 2022", "padded cmAP", "macro ROC-AUC")
    scores = json.loads((out / "bundle" / "scores.json").read_text())
    assert scores is None or scores["metric"] == FORMS[year].metric
    assert bundles.load(out / "bundle").record.metric == open_cache(out / "cache").metric == FORMS[year].metric


def test_every_class_that_can_be_learned_is(way):
    year, root, out = way
    competition, cache = open_competition(root), open_cache(out / "cache")
    assert set(cache.classes.names) == set(competition.labels)
    labelled = [row for row in cache.rows if row.soundscape]
    assert bool(labelled) == (year in (2021, 2026))
    assert all(row.session for row in labelled)
    assert cache.are == ("species" if year >= 2025 else "birds")
    heard = cache.targets(cache.rows).max(axis=0)
    assert (heard == 1).all()
    assert all(cache.common_names.values())


def test_labelled_soundscapes_are_held_out_by_site(way):
    year, _, out = way
    held_out = bundles.load(out / "bundle").record.validation_recordings
    sites = {row.recording: row.session for row in open_cache(out / "cache").rows if row.soundscape}
    inside = {sites[one] for one in held_out if one in sites}
    outside = {site for one, site in sites.items() if one not in held_out}
    assert not inside & outside
    assert bool(inside) <= (year in (2021, 2026))
