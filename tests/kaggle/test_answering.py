"""What answers for soundscapes: heads on listeners, several bundles averaged, and less time when there is less."""

import csv
import shutil

import numpy as np
import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data.soundscapes import row_scores
from birdclef_mind.errors import BundleError, ConfigError, ListenerError
from birdclef_mind.kaggle.answering import Averaged, HeadAnswering, PictureAnswering, open_answering
from birdclef_mind.kaggle.blending import mean_ranks
from birdclef_mind.kaggle.plan import Way
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.smoothing import smoothed
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.listeners.embeddings import Arrays
from birdclef_mind.listeners.hearing import Hearing, hear_windows
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.networks.bundle import load
from birdclef_mind.sound.audio import read_windows


@pytest.fixture
def answering(headed, embedded):
    return HeadAnswering(headed[1].bundle, open_listener(embedded.listener))


def rows_of(path):
    with path.open(newline="") as file:
        return {row.pop("row_id"): np.array(list(row.values()), float) for row in csv.DictReader(file)}


def test_a_head_fills_every_row_as_it_answers_for_each_window(answering, headed, embedded, sample_folder, tmp_path):
    report = write_submission(answering, sample_folder, tmp_path / "s.csv")
    assert report.computed == report.rows > 0
    assert not report.problems
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    listener, hearing, bundle = open_listener(embedded.listener), Hearing(), headed[1].bundle
    heard = hear_windows(read_windows(path, hearing.cutting(listener)), listener, hearing, bundle.heard_by.match)
    expected = bundle.scores(Arrays(heard.embeddings, heard.opinion))
    found = rows_of(tmp_path / "s.csv")
    header = (tmp_path / "s.csv").read_text().splitlines()[0].split(",")[1:]
    order = [bundle.classes.names.index(name) for name in header]
    for number, scores in enumerate(expected):
        np.testing.assert_allclose(found[f"{path.stem}_{5 * number + 5}"], scores[order], atol=1e-6)
    assert (tmp_path / "s.log").read_text().startswith("listener model ")


def test_several_are_averaged_by_their_chances(answering, trained, sample_folder):
    network = PictureAnswering(load(trained[0]))
    both = Averaged([network, answering])
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    each = [one.answer(one.decode(path)) for one in (network, answering)]
    found = both.answer(both.decode(path))
    names = both.known.classes.names
    expected = np.mean(
        [one.known.calibration.chances(own.scores)[:, [one.known.classes.names.index(name) for name in names]]
         for one, own in zip((network, answering), each, strict=True)], axis=0,
    )  # fmt: skip
    np.testing.assert_allclose(found.scores, expected, atol=1e-6)
    assert both.ways == (Way(2, 1), Way(1, 1))
    assert both.notes == ("computed by TensorFlow",)


def test_what_takes_long_once_is_done_before_time_is_taken(trained, sample_folder, tmp_path, monkeypatch):
    answering, order = PictureAnswering(load(trained[0])), []
    monkeypatch.setattr(PictureAnswering, "ready", lambda own: order.append("ready"))
    answer = PictureAnswering.answer
    monkeypatch.setattr(PictureAnswering, "answer", lambda own, given: (order.append("answer"), answer(own, given))[1])
    write_submission(answering, sample_folder, tmp_path / "s.csv")
    assert order == ["ready", "answer", "answer"]

    def failing(own):
        raise RuntimeError("no")

    monkeypatch.setattr(PictureAnswering, "ready", failing)
    assert write_submission(answering, sample_folder, tmp_path / "t.csv").computed == 6


def test_shifts_cover_every_row_by_windows_that_overlap(trained, sample_folder):
    bundle = load(trained[0])
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    once, twice = PictureAnswering(bundle), PictureAnswering(bundle, 2)
    plain, found = (one.answer(one.decode(path)) for one in (once, twice))
    assert plain.starts_s == (0, 5, 10) and found.starts_s == (0, 2.5, 5, 7.5, 10)
    np.testing.assert_allclose(found.scores[::2], plain.scores, atol=1e-6)
    rows = row_scores(found.starts_s, found.scores, 5.0)
    np.testing.assert_allclose(rows[1], found.scores[1:4].T @ [0.25, 0.5, 0.25])
    assert twice.ways == (Way(1, 2), Way(1, 1))
    decoded = twice.decode(path)
    twice.take(Way(1, 1))
    np.testing.assert_allclose(twice.answer(decoded).scores, plain.scores, atol=1e-6)
    assert twice.answer(twice.decode(path)).starts_s == plain.starts_s


@pytest.mark.parametrize("shifts", [1, 2, 3, 4])
def test_every_way_that_is_tried_where_time_is_short_answers_all_rows(trained, sample_folder, shifts):
    answering = PictureAnswering(load(trained[0]), shifts)
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    assert len(answering.ways) == shifts
    for way in answering.ways:
        answering.take(way)
        found = answering.answer(answering.decode(path))
        np.testing.assert_allclose(np.diff(found.starts_s), 5 / way.shifts, atol=1e-4)
        assert row_scores(found.starts_s, found.scores, 5.0)[:3].shape == (3, len(answering.known.classes))
        assert found.starts_s[-1] >= 10 - 1e-3


def test_bundles_are_blended_by_ranks_and_smoothed_over_the_whole_file(answering, trained, sample_folder, tmp_path):
    both = Averaged([PictureAnswering(load(trained[0])), answering])
    submitting = Submitting(blend="ranks", smoothing=(0.2, 0.6, 0.2))
    report = write_submission(both, sample_folder, tmp_path / "s.csv", submitting=submitting)
    assert (report.computed, report.problems) == (report.rows, ())
    found = rows_of(tmp_path / "s.csv")
    paths = sorted((sample_folder / "test_soundscapes").iterdir())
    members = [[smoothed(own, submitting) for own in both.answer(both.decode(path)).members] for path in paths]
    ranks = mean_ranks(np.concatenate(members, axis=1).astype(np.float32))
    header = (tmp_path / "s.csv").read_text().splitlines()[0].split(",")[1:]
    order = [both.known.classes.names.index(name) for name in header]
    for number, path in enumerate(paths):
        for row, values in enumerate(ranks[3 * number : 3 * number + 3]):
            expected = np.minimum(values[order], 1 - 1e-6)
            np.testing.assert_allclose(found[f"{path.stem}_{5 * row + 5}"], expected, atol=1e-6)


def test_bundles_of_other_classes_are_not_averaged(answering, little):
    with pytest.raises(BundleError, match="expected bundles of the same 3 birds, got one of 2: they differ in "):
        Averaged([answering, PictureAnswering(load(little.bundle))])


def test_what_was_decoded_for_more_is_answered_by_those_who_are_left(answering, trained, sample_folder):
    both = Averaged([PictureAnswering(load(trained[0]), 2), answering])
    assert both.ways == (Way(2, 2), Way(1, 2), Way(1, 1))
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    decoded = both.decode(path)
    assert len(both.answer(decoded).members) == 2
    both.take(Way(1, 1))
    np.testing.assert_allclose(both.answer(decoded).members, both.answer(both.decode(path)).members, atol=1e-6)
    later = both.decode(path)
    both.take(Way(2, 2))
    assert len(both.answer(later).members) == 1 and len(both.answer(both.decode(path)).members) == 2


def test_one_picture_of_a_window_serves_all_networks_that_read_it(trained, sample_folder, monkeypatch):
    from birdclef_mind.kaggle import answering as module

    bundle, made, real = load(trained[0]), [], module.windows_for_rows
    monkeypatch.setattr(module, "windows_for_rows", lambda *given: (made.append(given), real(*given))[1])
    three = Averaged([PictureAnswering(bundle, 2), PictureAnswering(bundle, 2), PictureAnswering(bundle)])
    path = sorted((sample_folder / "test_soundscapes").iterdir())[0]
    answer = three.answer(three.decode(path))
    assert [shifts for _, _, shifts in made] == [2, 1]
    np.testing.assert_array_equal(answer.members[0], answer.members[1])


def test_a_slow_listener_does_not_pass_the_deadline(answering, sample_folder, tmp_path):
    now = [0.0]
    answering.ways, real = tuple(Way(1, shifts) for shifts in (4, 3, 2, 1)), answering.answer
    answering.take(answering.ways[0])

    def slow(decoded):
        now[0] += 10.0 * answering.hearing.shifts
        return real(decoded)

    answering.answer = slow
    report = write_submission(answering, sample_folder, tmp_path / "s.csv", deadline_minutes=1.0, clock=lambda: now[0])
    assert now[0] <= 60
    assert answering.hearing.shifts == 1
    assert report.computed == report.rows


def test_heads_want_their_listener_and_no_other(headed, embedded, listener, trained, tmp_path):
    folder = headed[0]
    with pytest.raises(ConfigError, match="is a head on the listener model; expected --listener with that model"):
        open_answering([folder], None)
    with pytest.raises(ConfigError, match="--listener: expected a bundle that `train --listener` wrote"):
        open_answering([trained[0]], embedded.listener)
    other = listener.with_name("labels.txt")
    other.write_text("Exemplum whistle\nExemplum alius\nAliena sola\nExemplum alterum\n")
    with pytest.raises(ListenerError, match="expected the model that the embeddings were made with, model of digest"):
        open_answering([folder], listener)


def test_a_bundle_counts_once(trained):
    folder = trained[0]
    with pytest.raises(ConfigError, match="expected each bundle once, got it again"):
        open_answering([folder, folder.parent / "." / folder.name], None)


def test_the_command_averages_and_says_whose_ears_it_has(headed, embedded, trained, sample_folder, tmp_path, capsys):
    out = tmp_path / "s.csv"
    words = ["infer", trained[0], sample_folder, out, "--with", headed[0], "--listener", embedded.listener]
    assert main(list(map(str, words))) == 0
    said = capsys.readouterr()
    assert "model: CC0 1.0; yes" in said.out
    assert said.err == "" or "it/s" in said.err
    assert main([*map(str, words), "--events", str(tmp_path / "e.csv")]) == 2
    assert "--events: expected one bundle" in capsys.readouterr().err


def test_a_model_that_is_gone_costs_nothing_that_stands(headed, embedded, sample_folder, tmp_path, capsys):
    ears = shutil.copytree(embedded.listener.parent, tmp_path / "ears")
    (ears / "model.keras").unlink()
    out = tmp_path / "s.csv"
    words = ["infer", headed[0], sample_folder, out, "--listener", ears / "listener.toml"]
    assert main(list(map(str, words))) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()
