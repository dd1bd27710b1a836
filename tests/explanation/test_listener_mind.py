"""A model from elsewhere read backwards: measures by their definition, and what stays when it is stopped."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import FEW, tree

from birdclef_mind.backwards.fidelity import correlations
from birdclef_mind.backwards.nearest import outline
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.commands.cli import main
from birdclef_mind.data.competition import open_competition
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import listener_decoders, listener_reading
from birdclef_mind.explanation.listener_mind import ExplainingListener, explain_listener
from birdclef_mind.explanation.listener_reading import features_of, taps_of
from birdclef_mind.explanation.listener_windows import cut_sides, sounds_of
from birdclef_mind.explanation.report.page import read_explanation, render
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.sound.audio import cut, read_audio
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS, Features
from birdclef_mind.sound.song import TERMS

SHORT = ExplainingListener(examples=1, windows=8, metamers=0, decoding=FEW)


def layers_of(facts, method):
    return {layer["tap"]: layer["methods"].get(method) for layer in facts["fidelity"]["layers"]}


def test_pictures_are_those_of_logmel128_at_the_listeners_own_rate_and_length():
    preset = PRESETS["logmel128"]
    own = features_of(SimpleNamespace(rate_hz=48_000, window_s=3.0))
    assert (own.hop_samples / 48_000, own.n_fft / 48_000) == (preset.hop_samples / 32_000, preset.n_fft / 32_000)
    assert (own.rows, own.frames, own.segment_samples) == (128, 188, 144_000)
    assert (own.fmin_hz, own.fmax_hz, own.range_db, own.power) == (50, 14_000, preset.range_db, preset.power)
    whole = replace(preset, windowing=replace(preset.windowing, shortest_tail_s=5.0))
    assert features_of(SimpleNamespace(rate_hz=32_000, window_s=5.0)) == whole
    assert [own.windowing.count(seconds) for seconds in (1, 3, 5, 6, 8.9)] == [1, 1, 1, 2, 2]
    assert features_of(SimpleNamespace(rate_hz=4_000, window_s=1.0)).fmax_hz == 2_000


def test_taps_over_time_are_maps_of_one_row_and_too_many_are_thinned():
    listener = SimpleNamespace(name="Ears", taps={"frames": (500, 160), "map": (4, 8, 2), "vector": (7,)})
    assert [tap.shape for tap in taps_of(listener)] == [(1, 500, 160), (4, 8, 2), (7,)]
    many = SimpleNamespace(name="Ears", taps={f"t{number}": (3,) for number in range(20)})
    names = [tap.name for tap in taps_of(many)]
    assert (len(names), names[0], names[-1]) == (8, "t0", "t19")
    with pytest.raises(ConfigError, match="Ears: expected taps to read backwards from, .* got none"):
        taps_of(SimpleNamespace(name="Ears", taps={}))


def test_windows_are_the_listeners_own_and_recordists_stay_apart(sample_folder, heard_mind):
    listener, competition = open_listener(heard_mind[0]), open_competition(sample_folder)
    features = features_of(listener)
    sides = cut_sides(competition, features, (7, 3), {})
    assert len(sides.learn.rows) <= 7 and len(sides.check.rows) <= 3
    learned = {row.author for row in sides.learn.rows}
    assert sides.apart and learned.isdisjoint(row.author for row in sides.check.rows)
    for windows in (sides.learn, sides.check):
        for place, (row, samples) in enumerate(
            zip(windows.rows, sounds_of(windows.rows, sample_folder, features), strict=True)
        ):
            path = sample_folder / "train_audio" / row.recording
            whole = cut(read_audio(path, listener.rate_hz), features)
            np.testing.assert_allclose(samples, whole.samples[row.segment], atol=1e-6)
            picture = samples_to_pictures(samples[None], features).pixels[0]
            assert np.abs(picture.astype(int) - windows.pictures.pixels[place]).max() <= 1


def ways_from(tap):
    """Of a vector alone is drawn."""
    return ["metamer", "nearest", *(["drawn"] if tap in ("squared", "embedding") else []), "decoder"]


def test_the_facts_have_every_tap_and_way_with_its_controls(heard_mind):
    facts = heard_mind[2]
    assert [layer["tap"] for layer in facts["fidelity"]["layers"]] == ["maps", "squared", "embedding"]
    for layer in facts["fidelity"]["layers"]:
        assert list(layer["methods"]) == ways_from(layer["tap"])
        for method, entry in layer["methods"].items():
            own = entry["measures"]
            assert {"correlation", "picture_error", "recognised", "recognised_by_second", "activation_error"} <= set(
                own
            )
            assert set(own) & set(TERMS)
            assert "twin" not in entry and "shuffled" in entry
            assert ("reached" in entry) == (method == "metamer")
    assert facts["fidelity"]["recording"]["recognised"]["mean"] == 1
    assert facts["fidelity"]["input"]["correlation"]["mean"] == pytest.approx(1)
    assert facts["skipped"]["twin"].startswith("There is no untrained twin of this listener")
    assert facts["listener"]["second"] == facts["judge"]["name"]
    assert facts["data"]["segments"] == facts["filters"] == facts["answers"]["cards"] == []
    for card in facts["examples"]:
        assert [(layer["tap"], layer["method"]) for layer in card["layers"]] == [
            (layer["tap"], method) for layer in facts["fidelity"]["layers"] for method in ways_from(layer["tap"])
        ]
        assert all(len(layer["again"]) == 2 for layer in card["layers"] if layer["method"] == "drawn")
        assert len(card["scores"]) == len(facts["bundle"]["classes"])
        assert all(len(layer["again"]) == 1 for layer in card["layers"] if layer["method"] == "metamer")


def test_what_an_answer_rests_on_is_kept_of_the_window_itself(heard_mind):
    path, folder, facts = heard_mind
    rested, listener = facts["rested"], open_listener(path)
    assert list(rested["methods"]) == ["mask", "surrogate"]
    assert list(rested["controls"]) == ["another", "loudness", "random"]
    assert {"same_by_second", "stability"}.isdisjoint(rested["methods"]["mask"])
    for card in facts["examples"]:
        decided = card["decided"]
        assert decided["label"] == card["answer"]["label"] and decided["real"]
        assert not decided["when"]["exact"] and len(decided["when"]["moments"]) == 20
        whole, kept, removed = (
            read_audio(folder / sound, listener.rate_hz)
            for sound in (card["original_sound"], decided["kept"]["sound"], decided["removed"]["sound"])
        )
        size = min(map(len, (whole, kept, removed)))
        apart = kept[:size] + removed[:size] - whole[:size]
        assert np.std(apart) < 0.2 * np.std(whole)
    page = render(facts, lambda path: path)
    assert "What did the answer rest on?" in page and "a linear model of its parts" in page


def test_every_file_is_there_and_the_digest_of_each_holds(heard_mind):
    _, folder, facts = heard_mind
    assert read_explanation(folder)["bundle"]["sha256"] == facts["bundle"]["sha256"]
    kept = {f"decoders.{ending}" for ending in ("json", "weights.h5", "outlines.npz")}
    assert kept <= {path.name for path in folder.iterdir()}
    assert not list(folder.glob("*.records")) and not list(folder.glob("*.progress.npz"))


def test_the_nearest_are_found_by_brute_force_among_what_was_learned_from(little, heard_mind):
    path, _, facts = heard_mind
    listener, competition = open_listener(path), open_competition(little.competition)
    features = Features.from_dict(facts["bundle"]["features"])
    sides = cut_sides(competition, features, (12, 16), {})
    known = sounds_of(sides.learn.rows, little.competition, features)
    for card in facts["examples"]:
        row = next(r for r in sides.check.rows if (r.recording, r.start_s) == (card["recording"], card["start_s"]))
        own = sounds_of([row], little.competition, features)
        for layer in (layer for layer in card["layers"] if layer["method"] == "nearest"):
            tap = layer["tap"]
            shape = {one.name: one.shape for one in taps_of(listener)}[tap]
            (wanted,) = outline(listener.activations(own, [tap])[tap].reshape(1, *shape))
            cosines = [
                float(wanted @ outline(listener.activations(sound[None], [tap])[tap].reshape(1, *shape))[0])
                for sound in known
            ]
            best = {}
            for one, cosine in zip(sides.learn.rows, cosines, strict=True):
                if one.recording != card["recording"]:
                    best[one.recording] = max(best.get(one.recording, -2.0), cosine)
            expected = sorted(best.values(), reverse=True)[:5]
            assert [near["cosine"] for near in layer["near"]] == pytest.approx(expected, abs=2e-3)
            assert all(near["real"] for near in layer["near"])


def test_what_is_measured_is_measured_on_the_sound(little, heard_mind):
    """The examples' cards by their definition: hear each sound as it was made, before it became a file."""
    path, folder, facts = heard_mind
    listener = open_listener(path)
    for card in facts["examples"]:
        samples = read_audio(folder / card["original_sound"], listener.rate_hz)[: listener.window_samples]
        heard = listener.hear(samples[None]).logits[0]
        names = facts["bundle"]["classes"]
        # The file is an MP3 at a higher rate, so that scores are only near.
        assert card["scores"][names.index(card["answer"]["label"])] == max(card["scores"])
        assert np.isfinite(heard).all()
        for layer in card["layers"]:
            assert -1 <= layer["correlation"] <= 1
            if layer["method"] == "metamer":
                assert layer["apart"] >= 0


def test_a_second_run_does_not_train_again_and_ends_with_the_same(little, heard_mind, tmp_path, monkeypatch):
    path, folder, _ = heard_mind
    copy = shutil.copytree(folder, tmp_path / "again")
    monkeypatch.setattr(listener_decoders, "train_decoders", lambda *args, **options: pytest.fail("trained again"))
    said = []
    explaining = ExplainingListener(examples=2, windows=12, metamers=2, judge=little.bundle, decoding=FEW)
    explain_listener(path, little.competition, copy, explaining, say=said.append)
    assert "decoders: trained in the same way already, and kept" in said
    before, after = tree(folder), tree(copy)
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []


def test_a_run_that_is_stopped_goes_on_where_it_was(little, heard_mind, tmp_path, monkeypatch):
    path, out = heard_mind[0], tmp_path / "out"

    class Stopped(BaseException):
        pass

    train = listener_decoders.train_decoders

    def stopped(training, *lessons, save, **options):
        def once(own):
            save(own)
            raise Stopped

        return train(training, *lessons, save=once, **options)

    monkeypatch.setattr(listener_decoders, "train_decoders", stopped)
    with pytest.raises(Stopped):
        explain_listener(path, little.competition, out, SHORT)
    assert list(out.glob("*.records")) and list(out.glob("*.progress.npz"))
    monkeypatch.setattr(listener_decoders, "train_decoders", train)
    said, heard = [], []
    append = listener_decoders.Records.append
    monkeypatch.setattr(listener_decoders.Records, "append", lambda *args: (heard.append(1), append(*args)))
    explain_listener(path, little.competition, out, SHORT, say=said.append)
    assert "going on after epoch 1" in said and heard == []
    explain_listener(path, little.competition, tmp_path / "whole", SHORT)
    one, other = (json.loads((folder / "decoders.json").read_text()) for folder in (out, tmp_path / "whole"))
    assert one["validation_losses"] == pytest.approx(other["validation_losses"], rel=1e-5)


def test_named_windows_and_files_from_disk(little, heard_mind, tmp_path):
    path = heard_mind[0]
    recording = open_competition(little.competition).recordings[0]
    sound = little.competition / "train_audio" / recording.filename
    explaining = ExplainingListener(
        segments=(f"{recording.filename}@3",), sounds=(sound,), windows=8, metamers=0, decoding=FEW
    )
    facts = explain_listener(path, little.competition, tmp_path / "out", explaining)
    assert [card["why"] for card in facts["examples"]][:2] == ["named", "your own recording"]
    assert facts["examples"][0]["start_s"] == 3
    features = features_of(open_listener(path))
    first = samples_to_pictures(cut(read_audio(sound, 4000), features).samples, features).pixels
    assert correlations(first[1:2], first[1:2])[0] == pytest.approx(1)
    assert "judge" not in facts and facts["listener"]["second"] is None
    assert "recognised_by_second" not in facts["fidelity"]["input"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"segments": ("nowhere.ogg@0",)}, "expected RECORDING@SECONDS with a recording of the competition"),
        ({"segments": ("{first}@1.25",)}, "expected {first}@ one of 0, 3"),
        ({"windows": 0}, "windows: expected a whole number above 0, got 0"),
        ({"metamers": -1}, "metamers: expected a whole number from 0, got -1"),
    ],
)
def test_bad_words_are_refused_before_anything_is_written(little, heard_mind, tmp_path, said, sentence):
    first = open_competition(little.competition).recordings[0].filename
    said = {
        name: tuple(one.format(first=first) for one in value) if name == "segments" else value
        for name, value in said.items()
    }
    with pytest.raises(ConfigError) as refused:
        explain_listener(heard_mind[0], little.competition, tmp_path / "out", ExplainingListener(**said))
    assert sentence.format(first=first) in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_the_listener_itself_is_no_judge_and_another_explanation_stays(little, heard_mind, explained):
    path, folder, _ = heard_mind
    with pytest.raises(ConfigError, match="judge: expected another model than the listener that is explained"):
        explain_listener(path, little.competition, folder, ExplainingListener(judge=path))
    with pytest.raises(BundleError, match="holds the explanation of another bundle"):
        explain_listener(path, little.competition, explained[0], SHORT)


def test_wrong_pairs_are_one_sentence_at_the_terminal(little, heard_mind, tmp_path, capsys):
    path = heard_mind[0]
    out = str(tmp_path / "out")
    for words, sentence in (
        (
            [path, little.cache],
            "expected a competition folder with its recordings, since listener.toml is a listener, found a cache",
        ),
        (
            [little.decoded, little.competition],
            "expected a cache, a folder with cache.json, found a competition folder",
        ),
        (
            [path, little.competition, "--sheets", "3"],
            "sheets: expected a bundle, which has such a part, got the listener",
        ),
        (
            [little.decoded, little.cache, "--windows", "3"],
            "windows: expected a listener, whose decoders learn from them",
        ),
        ([tmp_path / "nothing", little.cache], "expected a bundle"),
    ):
        first, second, *flags = map(str, words)
        assert main(["explain", first, second, out, *flags]) == 2
        error = capsys.readouterr().err
        assert sentence in error and len(error.strip().splitlines()) == 1
        assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_did(little, heard_mind, tmp_path, capsys):
    (tmp_path / "few.toml").write_text("[decoding]\nepochs = 1\nsteps = 2\n[showing]\nmetamers = 0\n")
    words = ["explain", heard_mind[0], little.competition, tmp_path / "x", "--examples", "1", "--windows", "6"]
    assert main([str(word) for word in [*words, "--config", tmp_path / "few.toml"]]) == 0
    shown = capsys.readouterr().out
    assert "1 example explained" in shown and "mean picture" in shown and "There is no untrained twin" in shown
    assert (tmp_path / "x/report.html").is_file()


@pytest.mark.slow
def test_birdnet_has_eight_taps_gradients_and_an_untrained_twin(birdnet_model, birds, tmp_path, monkeypatch):
    all_taps = ["pictures", "stem", "stage_1", "stage_2", "stage_3", "stage_4", "moments", "embedding"]
    assert [tap.name for tap in taps_of(open_listener(birdnet_model))] == all_taps
    # Each is read in the same way, and takes as long: some stand for all.
    monkeypatch.setattr(listener_reading, "_MOST_TAPS", 3)
    explaining = ExplainingListener(
        examples=1, windows=6, metamers=1, decoding=Decoding(epochs=1, steps=1, batch_size=2)
    )
    facts = explain_listener(birdnet_model, birds, tmp_path / "out", explaining)
    taps = ["pictures", "stage_2", "embedding"]
    assert [layer["tap"] for layer in facts["fidelity"]["layers"]] == taps
    for layer in facts["fidelity"]["layers"]:
        assert list(layer["methods"]) == ways_from(layer["tap"])
        assert all(("twin" in entry) == (method != "nearest") for method, entry in layer["methods"].items())
    assert list(facts["skipped"]) == ["taps"] and facts["listener"]["unknown"] == []
    assert facts["fidelity"]["recording"]["named"]["mean"] > 0.3
    assert len(facts["examples"][0]["layers"]) == 10
    when = facts["examples"][0]["when"]
    assert len(when["moments"]) == 6
    assert sum(when["moments"]) == pytest.approx(when["total"], abs=1e-3)
