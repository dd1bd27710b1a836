"""Every option of every command with values it cannot have: one sentence, status 2, nothing touched.

The parser itself is walked, so that an option that is added later is tried too.
"""

import argparse
import subprocess
import sys

import pytest
from conftest import tree

from birdclef_mind.commands.arguments import given_file, number, one_of, place, whole
from birdclef_mind.commands.cli import build_parser, main
from birdclef_mind.data.competition import open_competition
from birdclef_mind.storage.places import reached

NEVER = ["nan", "inf", "-inf", "-1", "1e999", "x", "", "1_0", "٣", "0x10", "99999999999999999999999"]
MAY_BE_ZERO = {
    "--hold-out", "--seed", "--split-seed", "--soundscapes", "--hidden", "--validation-share", "--metamers", "--level",
    "--file-power", "--habits", "--port",
}  # fmt: skip
MAY_BE_NEGATIVE = {"--level"}
# Words that are known only where the work begins, and what to give where they are wrong.
WORDS = {
    "--labels": ["nix", "99", "0", "-1", "a,,b", ","], "--model": ["nix", "", "../x"], "--without": ["nix"],
    "--presets": ["nix", "mel16,nix"], "--segment": ["nix", "nix@0", "@", "nix@nan"], "--bird": ["nix", ""],
    "--smoothing": ["", "nix", "0.1,0.8", "1,,1", "-1,1,1", "0.5,0,0.5", "nan", "1,inf,1"],
    "--accept": ["nix", "label,nix", "Label"], "--scheduler": ["nix", "tcp://127.0.0.1:1"], "--audio": ["nix.wav", ""], "--species": ["nix", "", "../x"], "--work": ["", "/proc/nope/x", "/dev/null/x"],
}  # fmt: skip
# Folders, or models, that are read, and a file to write: what is not there, is a file, or cannot be made.
FOLDERS = {
    "--before",
    "--cache",
    "--competition",
    "--second",
    "--judge",
    "--listener",
    "--with",
    "--teacher",
    "--unlabelled",
    "--soundscapes",
    "--heard",
    "--sounds",
}
FILES = {"--events"}


def commands():
    return build_parser()._subparsers._group_actions[0].choices


def options():
    for command, parser in sorted(commands().items()):
        for action in parser._actions:
            if action.option_strings and action.nargs != 0 and not isinstance(action, argparse._HelpAction):
                yield command, action


def is_number(action):
    return getattr(action.type, "__qualname__", "").partition(".")[0] in (whole.__name__, number.__name__)


def wrong_values(action, folder):
    name = action.option_strings[0]
    if is_number(action):
        large = [] if action.type.__qualname__.startswith(whole.__name__) else ["99999999999999999999999"]
        allowed = [*large, *(["-1"] if name in MAY_BE_NEGATIVE else [])]
        return [*(value for value in NEVER if value not in allowed), *([] if name in MAY_BE_ZERO else ["0"])]
    if action.type is given_file:
        return ["", str(folder / "nix"), str(folder), "/proc/nope/x"]
    if getattr(action.type, "__qualname__", "").startswith(one_of.__name__):
        return ["nix", "", "mel32,mel16"]
    if name in FOLDERS:
        return ["", str(folder / "nix"), "/proc/nope"]
    if name in FILES:
        return ["", str(folder), "/proc/nope/x.csv", "/dev/null"]
    return WORDS[name]


def positionals(command, little, out):
    return {
        "dry-run": [out], "sample": [out], "collect": [little.competition / "train_audio", out], "cache": [little.competition, out], "train": [little.cache, out], "runs": [out],
        "embed": [little.bundle, little.competition, out], "plant": [little.competition, out], "audit": [little.decoded, little.cache, out],
        "train-decoders": [little.bundle, little.cache], "explain": [little.decoded, little.cache, out],
        "compare": [little.competition, out], "report": [out, out / "p.html"],
        "infer": [little.bundle, little.competition, out / "s.csv"], "score": [out, out],
        "rehearse": [little.competition, out], "studio": [little.bundle],
    }[command]  # fmt: skip


def required(command, little, words):
    """Options that a command cannot do without, where `words` give none."""
    if command != "plant":
        return []
    options = ["--cue=hum", f"--species={open_competition(little.competition).recordings[0].label}"]
    given = {word.partition("=")[0] for word in words}
    return [option for option in options if option.partition("=")[0] not in given]


@pytest.fixture
def refused(little, tmp_path, capsys, monkeypatch):
    """Give a command wrong words: nothing is written, and one sentence says why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("birdclef_mind.storage.workers._TIMEOUT_S", 0.5)

    def check(command, *words, where=None):
        inputs = (little.competition, little.cache, little.bundle, little.decoded)
        before = [tree(folder) for folder in inputs]
        arguments = where or positionals(command, little, tmp_path / "out")
        assert main([command, *map(str, arguments), *required(command, little, words), *words, "--quiet"]) == 2, words
        shown = capsys.readouterr()
        assert shown.err.startswith(f"birdclef-mind {command}: ") or shown.err.startswith("birdclef-mind: "), shown.err
        assert shown.err.count("\n") == 1
        assert "fault of this program" not in shown.err
        assert [tree(folder) for folder in inputs] == before
        assert not [path for path in tmp_path.iterdir() if path.name != "given"]
        return shown.err

    return check


@pytest.mark.parametrize(
    ("command", "action"), [pytest.param(*one, id=f"{one[0]} {one[1].option_strings[0]}") for one in options()]
)
def test_values_out_of_range(refused, tmp_path, command, action):
    (tmp_path / "given").mkdir()
    name = action.option_strings[0]
    for value in wrong_values(action, tmp_path / "given"):
        needs = ["--folds", "2"] if name == "--fold" else []
        given = [name, str(value), str(value)] if action.nargs == 2 else [f"{name}={value}"]
        said = refused(command, *needs, *given)
        if is_number(action):
            assert f"{name.removeprefix('--')}: expected a" in said


def test_every_option_that_takes_a_value_is_checked_where_it_is_read():
    """What takes any text is known to be checked later, and nothing is turned into a number by Python alone."""
    for command, action in options():
        assert action.type not in (int, float, str), (command, action.option_strings)
        if action.type in (None, place):
            assert action.option_strings[0] in {*WORDS, *FOLDERS, *FILES}, (command, action.option_strings)


@pytest.mark.parametrize("command", sorted(commands()))
@pytest.mark.parametrize("value", ["", "/proc/nope/x", "/dev/null/x"])
def test_places_that_cannot_be(refused, little, tmp_path, command, value):
    kinds = [action for action in commands()[command]._actions if not action.option_strings]
    for position, action in enumerate(kinds):
        assert action.type in (place, reached), (command, action.dest)
        words = positionals(command, little, tmp_path / "out")
        words[position] = value
        if action.dest == "out" and command in ("report", "infer") and value:
            words[position] = f"{value}.html" if command == "report" else f"{value}.csv"
        refused(command, where=words)


@pytest.mark.parametrize("values", ["labels = []", "features = 3", "training = 3", "labels = 3.5", "labels = ['']",
                                    "[training]\naugmentation = 3", "[features]\nwindowing = 3", "[decoding]\nseed = -1",
                                    "[training]\nepochs = nan", "nix = 1", "[showing]\nsheets = 0", "[showing]\njudge = 3", "[showing]\njudge = ''", "\x00", "[a"])  # fmt: skip
def test_settings_that_cannot_be(refused, tmp_path, values):
    (tmp_path / "given").mkdir()
    path = tmp_path / "given" / "settings.toml"
    path.write_text(values)
    commands_ = ("cache", "train", "train-decoders", "explain")
    for command in commands_:
        assert str(path) in refused(command, f"--config={path}")


def test_an_option_is_given_once(refused, tmp_path):
    assert "preset: expected it once, got it again" in refused("cache", "--preset=mel16", "--preset", "mel32")


def test_of_a_word_that_a_command_does_not_know_its_own_help_is_named(capsys):
    assert main(["rehearse", "COMPETITION", "--kernels", "nix"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "birdclef-mind rehearse: unrecognized arguments: --kernels; `birdclef-mind rehearse --help` explains\n"
    )


EARLY = """
import sys
from birdclef_mind.commands.cli import main
for words in sys.argv[1:]:
    assert main(words.split()) == 2, words
    assert "tensorflow" not in sys.modules, words
"""


def test_a_path_that_is_not_there_is_refused_before_tensorflow_is_imported(cache_folder, tmp_path):
    asked = [
        "train nothing out", "train --listener nothing out", f"train {cache_folder} out --teacher nothing",
        f"train {cache_folder} out --soundscapes nothing",
        f"train {cache_folder} out --soundscapes {cache_folder} --heard nothing",
        "train-decoders nothing nothing", f"explain nothing {cache_folder} out", "explain nothing nothing out",
        f"audit nothing {cache_folder}", "infer nothing nothing out.csv", "embed nothing nothing out",
    ]  # fmt: skip
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "bundle.json").write_text("{}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    asked += [f"explain whole {cache_folder} mine", f"audit whole {cache_folder} mine"]
    done = subprocess.run([sys.executable, "-c", EARLY, *asked], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("expected") == len(asked)
    assert (done.stderr.count("found nothing"), done.stderr.count("notes.txt")) == (len(asked) - 2, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "whole"]
