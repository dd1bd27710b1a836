import json
from dataclasses import asdict, replace

import pytest

from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.commands.config import Config
from birdclef_mind.errors import ConfigError
from birdclef_mind.sound.settings import PRESETS, Features, Windowing
from birdclef_mind.training.recipe import Training


@pytest.mark.parametrize(("name", "rows"), [("mel16", 16), ("mfcc16", 16), ("mel32", 32), ("logmel128", 128)])
def test_presets_give_313_frames_for_five_seconds(name, rows):
    assert (PRESETS[name].rows, PRESETS[name].frames) == (rows, 313)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length_s": 0}, "length_s: expected seconds above 0 and at most 600, got 0"),
        ({"step_s": 6}, r"step_s: expected seconds from 0.01 to 5.0, got 6"),
        ({"step_s": 1e-12}, r"step_s: expected seconds from 0.01 to 5.0, got 1e-12"),
        ({"length_s": float("nan")}, "length_s"),
        ({"shortest_tail_s": -1}, "shortest_tail_s"),
    ],
)
def test_windowing_refuses_bad_values(values, message):
    with pytest.raises(ConfigError, match=message):
        Windowing(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "wavelet"},
        {"n_mels": 0},
        {"n_mels": 2.5},
        {"n_mels": 1026},
        {"n_coeffs": 3},
        {"kind": "mfcc", "n_coeffs": 33},
        {"power": 0},
        {"fmin_hz": 9000, "fmax_hz": 8000},
        {"fmax_hz": 16_001},
        {"hop_samples": 500},
        {"sample_rate_hz": True},
        {"range_db": -80},
    ],
)
def test_features_refuse_bad_values(values):
    with pytest.raises(ConfigError, match="expected"):
        Features(**{"kind": "mel", "n_mels": 32, **values})


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": 2**63},
        {"validation_share": 0.6},
        {"learning_rate": 0},
        {"seed": -1},
        {"monitor": "luck"},
        {"model": 3},
    ],
)
def test_training_refuses_bad_values(values):
    with pytest.raises(ConfigError, match="expected"):
        Training(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"steps": 2.5},
        {"batch_size": -1},
        {"batch_size": 2**63},
        {"patience": 0},
        {"patience": True},
        {"learning_rate": float("nan")},
        {"answer_weight": -0.1},
        {"seed": -1},
        {"seed": 1.0},
        {"seed": False},
        # The next one, of the twin, must be a seed as well.
        {"seed": 2**31 - 2},
    ],
)
def test_decoding_refuses_bad_values(values):
    (name,) = values
    with pytest.raises(ConfigError, match=f"^{name}: expected .*, got {next(iter(values.values()))!r}"):
        Decoding(**values)
    assert Decoding(seed=2**31 - 3).seed == 2**31 - 3


@pytest.mark.parametrize(
    ("duration_s", "step_s", "starts_s"),
    [
        (0.1, 5, [0]),
        (5.0, 5, [0]),
        (5.49, 5, [0]),
        (5.5, 5, [0, 5]),
        (10.2, 5, [0, 5]),
        (10.0, 2.5, [0, 2.5, 5]),
        (10.6, 2.5, [0, 2.5, 5, 7.5]),
        (600, 5, [5 * index for index in range(120)]),
    ],
)
def test_segments_start_every_step_and_short_tails_are_dropped(duration_s, step_s, starts_s):
    assert Windowing(step_s=step_s).starts_s(duration_s) == starts_s


def test_fingerprint_tells_features_apart_and_nothing_else():
    prints = {features.fingerprint() for features in PRESETS.values()}
    assert len(prints) == len(PRESETS)
    mel32 = PRESETS["mel32"]
    assert replace(mel32, windowing=Windowing(step_s=2.5)).fingerprint() != mel32.fingerprint()
    assert replace(mel32, power=1).fingerprint() == mel32.fingerprint()
    assert Features.from_dict(json.loads(json.dumps(asdict(Config().features)))).fingerprint() == mel32.fingerprint()


def test_config_is_read_from_toml(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        'labels = ["a", "b"]\n[features]\npreset = "logmel128"\nn_mels = 64\nwindowing = { step_s = 2.5 }\n'
        "[training]\nepochs = 3\n"
    )
    config = Config.read(path)
    assert config.labels == ("a", "b")
    assert config.features == replace(PRESETS["logmel128"], n_mels=64, windowing=Windowing(step_s=2.5))
    assert config.training == Training(epochs=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "epochs = 3",
            "config.toml: epochs: expected one of competition, listener, rounds, labels, features, training",
        ),
        ("[training]\nepoch = 3", "epoch: expected one of model, epochs"),
        ("[training", "config.toml: expected TOML"),
        (
            '[features]\npreset = "mel33"',
            "preset: expected one of mel16, mfcc16, mel32, logmel128, got 'mel33'",
        ),
        ("training = 3", "training: expected a table"),
    ],
)
def test_bad_toml_is_refused_with_its_name(tmp_path, text, message):
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Config.read(tmp_path / "config.toml")


def test_missing_toml_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("classic", r"rounds = 2: loss: expected binary, focal or soft_auc, .* got 'cross_entropy'"),
        ("modern", None),
    ],
)
def test_rounds_that_cannot_be_are_refused_before_the_first_kernel(tmp_path, recipe, sentence):
    path = tmp_path / "c.toml"
    path.write_text(f'rounds = 2\n[training]\nrecipe = "{recipe}"\n')
    # A command trains by flags that win, and reads them all the same.
    assert Config.read(path).rounds == 2
    if sentence is None:
        assert Config.of_kernels(path) == Config.read(path)
    else:
        with pytest.raises(ConfigError, match=f"c.toml: {sentence}"):
            Config.of_kernels(path)
    assert Config.of_kernels(None) == Config()
