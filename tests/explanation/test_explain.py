import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_cache, tree
from PIL import Image

from birdclef_mind.backwards import bundle_decoders, insisted, refined
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.overrides import corrected, read_overrides
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import explain as whole
from birdclef_mind.explanation.examples import from_files
from birdclef_mind.explanation.explain import Explaining, explain
from birdclef_mind.explanation.notes import corrections
from birdclef_mind.explanation.report.page import write_report
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import PixelScale, samples_to_levels
from birdclef_mind.sound.pictures import levels_to_pixels as to_pixels
from birdclef_mind.sound.settings import PRESETS, Features
from birdclef_mind.sound.song import TERMS
from birdclef_mind.storage import files


def paths_in(value):
    if isinstance(value, dict):
        return [path for item in value.values() for path in paths_in(item)]
    if isinstance(value, list):
        return [path for item in value for path in paths_in(item)]
    known = isinstance(value, str) and value.startswith(("pictures/", "sounds/", "patches/", "recordings/"))
    return [value] if known else []


def test_every_file_named_is_there_and_no_other(explained):
    out, facts = explained
    assert json.loads((out / "explanation.json").read_text())["examples"] == json.loads(json.dumps(facts["examples"]))
    # The blind test plays sounds that are named elsewhere.
    named = paths_in({**facts, "blind": None})
    assert set(paths_in(facts["blind"])) <= set(named)
    # A real recording may be near to several examples, in several layers.
    own = [path for path in named if "/near-" not in path]
    assert len(own) == len(set(own))
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert there == {*named, "explanation.json", ".birdclef_mind"}


def test_all_taps_and_methods_are_measured_beside_their_controls(explained):
    _, facts = explained
    fidelity = facts["fidelity"]
    assert [layer["tap"] for layer in fidelity["layers"]] == [s["name"] for s in facts["anatomy"] if s["tapped"]]
    for layer in fidelity["layers"]:
        drawn = ["drawn"] if layer["kind"] in ("embedding", "classes") else []
        refined = [] if drawn else ["refined"]
        assert list(layer["methods"]) == ["weights", "transposed", "metamer", "nearest", *drawn, "decoder", *refined]
        for method, entry in layer["methods"].items():
            # A real recording's sound is not rebuilt.
            controls = {"twin", "shuffled"} if method == "nearest" else {"twin", "shuffled", "sound_error"}
            counts = {
                "metamer": {"segments", "reached", "apart", "nearest_other"}, "drawn": {"segments"},
                "refined": {"segments"},
            }.get(method, set())  # fmt: skip
            assert set(entry) == {"measures", *controls, *counts}
            assert set(entry["measures"]) == {
                "correlation", "picture_error", "spread", "detail", "recognised", "recognised_by_second",
                "activation_error", *TERMS,
            }  # fmt: skip
            for value in entry["measures"].values():
                assert value["low"] <= value["mean"] + 1e-9
                assert value["mean"] <= value["high"] + 1e-9
    held_out = set(facts["bundle"]["record"]["validation_recordings"])
    assert fidelity["recordings"] <= len(held_out)
    assert {card["recording"] for card in facts["examples"]} <= held_out
    assert fidelity["layers"][0]["methods"]["transposed"]["measures"]["correlation"]["mean"] > 0.5


def test_what_an_answer_rests_on_is_told_with_its_measures_and_controls(explained):
    out, facts = explained
    rested = facts["rested"]
    assert rested["segments"] == len(facts["examples"])
    assert list(rested["methods"]) == ["mask", "gradient_times_input", "integrated_gradients", "grad_cam", "where"]
    assert list(rested["controls"]) == ["twin", "another", "loudness", "random"]
    for values in (*rested["methods"].values(), *rested["controls"].values()):
        assert set(values) - {"stability"} == {
            "increase", "drop", "gain", "removed", "same", "same_by_second", "gini", "entropy", "deletion", "insertion",
        }  # fmt: skip
        assert all(one["low"] <= one["mean"] + 1e-9 and one["mean"] <= one["high"] + 1e-9 for one in values.values())
    steady = [name for name, values in rested["methods"].items() if "stability" in values]
    assert steady == ["mask", "gradient_times_input", "integrated_gradients", "grad_cam"]
    assert all("stability" not in values for values in rested["controls"].values())
    features = Features.from_dict(facts["bundle"]["features"])
    assert any("highest" in card["decided"] for card in facts["examples"])
    for card in facts["examples"]:
        decided = card["decided"]
        # Where the last map speaks against an answer everywhere, it points nowhere.
        place = decided.get("highest")
        assert place is None or 0 <= place["at_s"] <= features.windowing.length_s
        assert place is None or features.fmin_hz < place["hz"] < features.fmax_hz
        assert decided["label"] == card["answer"]["label"]
        assert decided["real"]
        assert not decided["when"]["exact"]
        assert len(decided["when"]["moments"]) == 20
        assert 0 <= decided["share"] <= 1
        mask = np.asarray(Image.open(out / decided["mask"]), float) / 255
        assert mask.shape == np.asarray(Image.open(out / card["picture"])).shape
        assert mask.mean() == pytest.approx(decided["share"], abs=0.01)
        for part in (decided["kept"], decided["removed"]):
            assert 0 <= part["score"] <= part["called_score"] <= 1


def test_the_parts_add_up_to_the_recording(explained, decoded):
    out, facts = explained
    rate_hz = bundles.load(decoded).features.sample_rate_hz
    card = facts["examples"][0]
    whole, kept, removed = (
        audio.read_audio(out / path, rate_hz)
        for path in (
            card["original_sound"],
            card["decided"]["kept"]["sound"],
            card["decided"]["removed"]["sound"],
        )
    )
    # MP3 keeps no sample as it was.
    assert np.corrcoef(whole, kept + removed)[0, 1] > 0.99


def test_the_sound_of_an_example_is_its_pictures_on_its_own_scale(explained, decoded):
    out, facts = explained
    card = facts["examples"][0]
    features = bundles.load(decoded).features
    picture = np.asarray(Image.open(out / card["picture"]))[::-1]
    samples = audio.read_audio(out / card["features_sound"], 32_000)
    scale = PixelScale(np.float32([card["scale"]["low"]]), np.float32([card["scale"]["width"]]))
    again = to_pixels(samples_to_levels(samples[None, : features.segment_samples], features), scale)[0]
    assert np.corrcoef(again.ravel(), picture.ravel())[0, 1] > 0.98
    assert card["features_sound_error"] < 10


def test_the_original_sound_is_the_recording(explained, sample_folder):
    out, facts = explained
    card = facts["examples"][0]
    recording = audio.read_audio(sample_folder / "train_audio" / card["recording"], 32_000)
    start = round(card["start_s"] * 32_000)
    heard = audio.read_audio(out / card["original_sound"], 32_000)
    length = min(len(recording) - start, 160_000)
    assert np.corrcoef(heard[:length], recording[start : start + length])[0, 1] > 0.99


def test_every_class_has_answers_and_what_is_not_learned_is_said(explained):
    _, facts = explained
    assert [card["label"] for card in facts["answers"]["cards"]] == facts["bundle"]["classes"]
    for card in facts["answers"]["cards"]:
        ways = [(answer["way"], answer["seed"]) for answer in card["answers"]]
        metamer = [("metamer", 0)] if card["typical"] else []
        drawn, searched = [("drawn", 0), ("drawn", 1)], [("search", 0)]
        assert ways == [*drawn, *metamer, *searched, ("weights", None), ("noise", 0)]
        assert len({one["recording"] for one in card["typical"]}) == len(card["typical"]) <= 3
        assert {one["label"] for one in card["typical"]} <= {card["label"]}
        assert all(one["real"] for one in card["typical"])
        assert card["learned"] == (card["note"] == "")
    for entry in facts["answers"]["summary"]:
        cards = [
            answer for card in facts["answers"]["cards"] for answer in card["answers"]
            if (answer["way"], answer["seed"]) == (entry["way"], entry["seed"])
        ]  # fmt: skip
        assert entry["recognised"] == sum(answer["recognised"] for answer in cards)


def test_a_run_that_is_stopped_goes_on_and_ends_with_the_bytes_of_another(little, tmp_path, monkeypatch):
    class Stopped(BaseException):
        pass

    def stop(*given):
        raise Stopped

    def run(name, say=lambda line: None):
        explain(little.decoded, open_cache(little.cache), tmp_path / name, Explaining(examples=2, seeds=2), say=say)

    with monkeypatch.context() as patch:
        patch.setattr(whole, "write_decided", stop)
        with pytest.raises(Stopped):
            run("x")
    assert list((tmp_path / "x").glob("metamers-*.progress.npz"))
    said = []
    with monkeypatch.context() as patch:
        patch.setattr(insisted, "make_metamers", stop)
        patch.setattr(refined, "bring_near", stop)
        run("x", said.append)
    assert "going on: what was made before it was stopped is kept" in said
    run("y")
    once = tree(tmp_path / "y")
    assert tree(tmp_path / "x") == once
    run("y")
    assert tree(tmp_path / "y") == once


def test_named_segments_and_own_sounds_are_explained(little, tmp_path):
    cache = open_cache(little.cache)
    row = cache.rows[1]
    sound = next((little.competition / "test_soundscapes").glob("*.ogg"))
    explaining = Explaining(segments=(f"{row.recording}@{row.start_s:g}",), sounds=(sound,), seeds=1)
    facts = explain(little.decoded, cache, tmp_path / "x", explaining)
    # The picture error of an example has the unit of the table's, however few examples there are.
    errors = [
        layer["picture_error"] for card in facts["examples"] for layer in card["layers"] if layer["method"] == "decoder"
    ]
    assert max(errors) < 3
    shown = [(card["recording"], card["start_s"], card["why"]) for card in facts["examples"]]
    assert shown == [
        (row.recording, row.start_s, "named"),
        *[(sound.name, start_s, "your own recording") for start_s in (0, 5)],
    ]


def test_own_sounds_of_one_name_are_told_apart_by_their_folders(sample_folder, tmp_path):
    sound = next((sample_folder / "test_soundscapes").glob("*.ogg"))
    paths = [tmp_path / folder / name for folder, name in (("<i>", "x.ogg"), ("b", "x.ogg"), ("b", "y.ogg"))]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        shutil.copy(sound, path)
    found = from_files(paths, PRESETS["mel32"])
    assert [group.each[0].recording for group in found] == ["<i>/x.ogg", "b/x.ogg", "y.ogg"]


def test_without_decoders_and_recordings_the_rest_still_runs(little, tmp_path):
    folder = shutil.copytree(little.bundle, tmp_path / "b")
    shutil.copytree(little.decoded / "second", folder / "second", dirs_exist_ok=True)
    cache = replace(open_cache(little.cache), competition=tmp_path / "nowhere")
    facts = explain(folder, cache, tmp_path / "x", Explaining(examples=1, seeds=1))
    assert "birdclef-mind train-decoders" in facts["skipped"]["decoder"]
    assert list(facts["fidelity"]["layers"][0]["methods"]) == ["weights", "transposed", "metamer", "nearest"]
    ways = {answer["way"] for card in facts["answers"]["cards"] for answer in card["answers"]}
    assert ways == {"drawn", "metamer", "weights", "noise"}
    assert all(card["original_sound"] is None for card in facts["examples"])
    assert any("competition folder is not at hand" in note for note in facts["notes"])
    # One example alone has no other to be compared with.
    methods = facts["fidelity"]["layers"][0]["methods"]
    assert methods["metamer"]["shuffled"] == {} != methods["nearest"]["shuffled"]
    assert list(facts["rested"]["controls"]) == ["twin", "loudness", "random"]
    write_report(tmp_path / "x", tmp_path / "x" / "report.html")
    text = (tmp_path / "x" / "report.html").read_text()
    assert not any(
        words in text for words in ("There are two bounds", "could be recovered</em>", "try 1", "1 examples")
    )


def test_decoders_of_another_network_are_refused(decoded, trained, cache_folder, tmp_path):
    folder = shutil.copytree(decoded, tmp_path / "b")
    facts = json.loads((folder / "decoders.json").read_text())
    bundle = bundles.load(folder)
    anatomy = read_anatomy(bundle.model)
    for change, message in [
        ({"network_sha256": "0"}, "expected decoders of this network, got those of an older or another one"),
        ({"weights_sha256": "0"}, "was changed since"),
        ({"shapes": {}}, "expected decoders of this program"),
        ({"format": 9}, "expected decoders of format 2"),
    ]:
        (folder / "decoders.json").write_text(json.dumps(files.sealed({**facts, **change})))
        with pytest.raises(BundleError, match=message):
            bundle_decoders.load_decoders(folder, bundle, anatomy)
        with pytest.raises(BundleError, match=message):
            explain(folder, open_cache(cache_folder), tmp_path / "x")
        assert not (tmp_path / "x").exists()


def test_retraining_a_bundle_removes_its_decoders(decoded, cache_folder, tmp_path):
    from birdclef_mind.training.recipe import Training
    from birdclef_mind.training.train import train

    folder = shutil.copytree(decoded, tmp_path / "b")
    train(open_cache(cache_folder), folder, Training(epochs=1, batch_size=8))
    assert not list(folder.glob("decoders*"))
    assert not list(folder.glob("twin*"))


def test_bad_input_is_refused_before_anything_is_written(decoded, cache_folder, sample_folder, tmp_path):
    cache = open_cache(cache_folder)
    recording = cache.rows[0].recording
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-mother.txt").write_text("dear")
    make_cache(sample_folder, tmp_path / "other", preset="mel16")
    for options, error, message in [
        ({"segments": ("no@0",)}, ConfigError, "segment: expected RECORDING@SECONDS with a recording of the cache"),
        ({"segments": (f"{recording}@3",)}, ConfigError, f"segment: expected {recording}@ one of 0"),
        ({"segments": (f"{recording}@x",)}, ConfigError, "one of 0"),
        ({"sounds": (tmp_path / "noise.wav",)}, ConfigError, "noise.wav: cannot be decoded"),
        ({"sounds": (tmp_path / "none.wav",)}, ConfigError, "none.wav: missing"),
        ({"second": tmp_path / "none"}, BundleError, "expected a bundle, a folder with"),
        ({"second": decoded}, BundleError, "expected another network than the one that is explained"),
        (
            {"competition": tmp_path / "none"},
            ConfigError,
            "competition: expected a folder with its recordings, found nothing",
        ),
    ]:
        with pytest.raises(error, match=message):
            explain(decoded, cache, tmp_path / "x", Explaining(**options))
        assert not (tmp_path / "x").exists()
    with pytest.raises(BundleError, match="expected pictures of the bundle's features"):
        explain(decoded, open_cache(tmp_path / "other"), tmp_path / "x")
    with pytest.raises(BundleError, match="expected a new, empty or explanation folder, found to-mother.txt"):
        explain(decoded, cache, tmp_path / "letters")
    with pytest.raises(BundleError, match="found a file"):
        explain(decoded, cache, tmp_path / "noise.wav")
    with pytest.raises(ConfigError, match="examples: expected a whole number above 0"):
        Explaining(examples=0)


def test_another_explanation_is_not_overwritten(explained, decoded, cache_folder, tmp_path):
    out = shutil.copytree(explained[0], tmp_path / "x")
    facts = json.loads((out / "explanation.json").read_text())
    facts["bundle"]["sha256"] = "another"
    (out / "explanation.json").write_text(json.dumps(facts))
    with pytest.raises(BundleError, match="holds the explanation of another bundle"):
        explain(decoded, open_cache(cache_folder), out)


def test_the_commands_say_what_they_did(little, tmp_path, capsys):
    folder = shutil.copytree(little.bundle, tmp_path / "b")
    assert main(["train-decoders", str(folder), str(little.cache), "--epochs", "1"]) == 0
    assert "3 decoders, 1 epoch in" in capsys.readouterr().out
    words = ["explain", folder, little.cache, tmp_path / "x", "--examples", "2", "--seeds", "1"]
    assert main([str(word) for word in words]) == 0
    shown = capsys.readouterr().out
    assert "2 examples and 2 birds explained" in shown
    assert "mean picture" in shown
    assert "answers by search, seed 0:" in shown


def test_corrections_by_selections_are_told_window_by_window(cache_folder, tmp_path):
    """The page begins with them as marks, and a mark is of one window."""
    cache = open_cache(cache_folder)
    second = next(row for row in cache.rows if row.segment == 1)
    stem = second.recording.rpartition("/")[2].removesuffix(".ogg")
    (tmp_path / f"{stem}.txt").write_text(f"{second.start_s - 1}\t{second.start_s + 1}\tnone\n")
    overrides = read_overrides(tmp_path / f"{stem}.txt")
    bundle = SimpleNamespace(record=SimpleNamespace(overrides=overrides))
    told = corrections(corrected(cache, overrides), bundle)
    assert told["summary"] == "segments: 2 marked as holding none"
    assert [(line["recording"], line["start_s"], line["end_s"]) for line in told["lines"]] == [
        (second.recording, 0.0, None), (second.recording, second.start_s, None),
    ]  # fmt: skip
    assert corrections(corrected(cache, ()), SimpleNamespace(record=SimpleNamespace(overrides=()))) is None
