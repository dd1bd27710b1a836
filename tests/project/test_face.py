"""`import birdclef_mind as bm`: every name at its home, nothing heavy until it is used, tables as DataFrames."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import birdclef_mind as bm
from birdclef_mind.errors import BundleError, TableError
from birdclef_mind.storage.tables import read_frame

STUB = Path(bm.__file__).with_suffix(".pyi")


def test_every_name_is_listed_once_and_leads_home():
    homes = {
        alias.name: f"birdclef_mind.{node.module}"
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(homes) == sorted(bm.__all__) == sorted(set(bm.__all__))
    for name, home in homes.items():
        found = getattr(bm, name)
        assert getattr(found, "__module__", home) == home, name
    with pytest.raises(AttributeError):
        _ = bm.nothing


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys, birdclef_mind as bm; bm.open_competition, bm.score, bm.PRESETS; "
        "sys.exit(len({'tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_training_table(sample_folder):
    competition = bm.open_competition(sample_folder)
    table = competition.table()
    raw = pd.read_csv(sample_folder / "train_metadata.csv", dtype=str, keep_default_na=False)
    assert table["filename"].tolist() == raw["filename"].tolist()
    assert table["label"].tolist() == raw["primary_label"].tolist()
    assert table["author"].tolist() == raw["author"].tolist()


def test_the_index_of_a_cache(cache_folder):
    cache = bm.open_cache(cache_folder)
    table = cache.table()
    assert len(table) == len(cache.rows)
    raw = pd.read_csv(cache_folder / "index.csv", keep_default_na=False)
    for name in ("recording", "segment", "start_s", "loudness_dbfs"):
        assert table[name].tolist() == raw[name].tolist()
    assert table.groupby("recording")["segment"].min().eq(0).all()


def test_the_tables_of_a_bundle(trained, tmp_path):
    folder, report = trained
    history = bm.read_history(folder)
    assert history["epoch"].tolist() == [row["epoch"] for row in report.history]
    np.testing.assert_allclose(history["loss"], [row["loss"] for row in report.history], rtol=1e-5)
    validation = bm.read_validation(folder)
    names = report.bundle.classes.names
    assert set(validation["recording"]) == report.split.validation
    np.testing.assert_allclose(validation[list(names)].sum(axis=1), 1, atol=1e-4)
    species = bm.read_species(folder)
    assert species["label"].tolist() == list(names)
    found = report.scores["segments"]["mean_average_precision"]
    np.testing.assert_allclose(species["average_precision"].astype(float).mean(), found)
    assert len(bm.read_species(folder, "recordings")) == len(names)
    with pytest.raises(BundleError, match="level: expected one of segments, recordings"):
        bm.read_species(folder, "soundscapes")
    with pytest.raises(BundleError, match="expected measures of what was held out, found none"):
        bm.read_species(tmp_path)


def test_a_submission_and_the_runs(trained, sample_folder, tmp_path):
    out = tmp_path / "submission.csv"
    bm.write_submission(trained[1].bundle, sample_folder, out)
    table = bm.read_submission(out)
    raw = pd.read_csv(out).set_index("row_id")
    pd.testing.assert_frame_equal(table, raw, check_index_type=False, check_column_type=False)
    runs = bm.list_runs(trained[0].parent)
    assert trained[0].name in runs["folder"].tolist()
    assert runs.set_index("folder").loc[trained[0].name, "top1"] == trained[1].scores["segments"]["top1"]


def test_a_cell_that_is_no_number_is_named(tmp_path):
    (tmp_path / "t.csv").write_text("bird,score\na,1\nb,much\n")
    with pytest.raises(TableError, match=r"t.csv, row 3, column score: expected a number, got 'much'"):
        read_frame(tmp_path / "t.csv", ("bird",))
    (tmp_path / "t.csv").write_text("bird,score\n")
    assert list(read_frame(tmp_path / "t.csv", ("bird",)).columns) == ["bird", "score"]
