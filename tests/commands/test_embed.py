"""`embed` at a terminal: what it says, that it goes on, and what cannot be: one sentence, status 2, nothing written."""

import shutil
import subprocess
import sys

import pytest
from conftest import tree
from small_listener import describe, write_listener

from birdclef_mind.commands.cli import main
from birdclef_mind.listeners.embeddings import open_embeddings


def ears(folder, **said):
    return write_listener(folder / "ears", **said)


def no_model(folder):
    return (
        folder / "none.tflite",
        "none.tflite: expected a model, a bundle, or a TOML file that describes one, found nothing",
    )


def a_text(folder):
    (folder / "model.tflite").write_text("Dear mother,")
    return folder / "model.tflite", "model.tflite: expected a TFLite file, got one that does not begin as such"


def another_text(folder):
    (folder / "letter.txt").write_text("Dear mother,")
    return folder / "letter.txt", "or a folder with bundle.json, saved_model.pb or listener.toml, found a file"


def a_bad_line(folder):
    path = ears(folder)
    path.write_text(path.read_text() + "\nthis is no TOML")
    return path, "listener.toml: expected TOML, got"


def a_bad_value(folder):
    return ears(folder, rate_hz=0), "listener.toml, line 4: rate_hz: expected a whole number above 0"


def a_model_that_is_gone(folder):
    return ears(folder, model="other.keras"), "other.keras: expected a model, found nothing"


def another_window(folder):
    return ears(folder, window_s=2.0), "model.keras: expected one input of windows of 8000 samples, got (None, 12000)"


def a_list_of_another_length(folder):
    path = ears(folder)
    (folder / "ears" / "labels.txt").write_text("Exemplum whistle\nExemplum trill\n")
    return path, "labels.txt: expected 4 labels, as many as the model has outputs, got 2"


def unknown_species(folder):
    path = ears(folder, species=("Parus major", "Corvus corax"))
    return path, "model: expected at least one of the 2 classes among its species, found none of samwhi1, samtri1"


def no_embedding(folder):
    return ears(folder, embedding=""), "model: expected a listener with a tap embedding, got one with none"


@pytest.mark.parametrize(
    "wrong",
    [
        no_model, a_text, another_text, a_bad_line, a_bad_value, a_model_that_is_gone, another_window,
        a_list_of_another_length, unknown_species, no_embedding,
    ],
)  # fmt: skip
def test_a_listener_that_cannot_be_is_one_sentence(little, tmp_path, capfd, wrong):
    path, message = wrong(tmp_path)
    before = tree(tmp_path)
    assert main(["embed", str(path), str(little.competition), str(tmp_path / "e"), "--quiet"]) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("birdclef-mind embed: ")
    assert shown.err.count("\n") == 1
    assert message in shown.err
    assert tree(tmp_path) == before
    assert not (tmp_path / "e").exists()


def test_birdnets_file_beside_a_list_of_another_length_is_one_sentence(fake_birdnet, little, tmp_path, capsys):
    (tmp_path / "model.tflite").symlink_to(fake_birdnet / "model.tflite")
    (tmp_path / "model_Labels.txt").write_text("Parus major_Great Tit\n" * 5)
    words = ["embed", str(tmp_path / "model.tflite"), str(little.competition), str(tmp_path / "e"), "--quiet"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "expected beside it a list of its 40 species, such as *Labels.txt, found model_Labels.txt" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--step", "0"), "expected a number above 0 and at most 5, got 0;"),
        (("--step", "5.1"), "expected a number above 0 and at most 5, got 5.1;"),
        (("--shifts", "0"), "from 1 to 16, got 0;"),
        (("--shifts", "17"), "from 1 to 16, got 17;"),
        (("--jobs", "0"), "jobs: expected a whole number from 1 to 1024, got 0;"),
        (("--labels", "nix"), "nix"),
        (("--unlabelled",), "expected recordings to make embeddings of, found none"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(embedded, little, tmp_path, capsys, option, message):
    words = ["embed", str(embedded.listener), str(little.competition), str(tmp_path / "e"), *option, "--quiet"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "e").exists()


def test_a_table_that_is_not_ebirds_is_one_sentence(embedded, little, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    words = [str(embedded.listener), str(little.competition), str(tmp_path / "e"), "--ebird", str(tmp_path / "t.csv")]
    assert main(["embed", *words]) == 2
    said = capsys.readouterr().err
    assert "t.csv" in said
    assert "SPECIES_CODE" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "e").exists()


def test_a_listener_above_the_rate_of_all_recordings_hears(little, tmp_path):
    path = ears(tmp_path, rate_hz=96_000, window_s=12_000 / 96_000)
    assert main(["embed", str(path), str(little.competition), str(tmp_path / "e"), "--quiet"]) == 0
    found = open_embeddings(tmp_path / "e")
    assert found.arrays(found.rows).embeddings.shape == (len(found.rows), 40, 8)


def test_an_interruption_is_one_sentence_and_the_same_command_goes_on(embedded, little, tmp_path, capsys, monkeypatch):
    from birdclef_mind.listeners import write_embeddings

    real, calls = write_embeddings.hear_windows, []

    def interrupted(*words):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*words)

    words = ["embed", str(embedded.listener), str(little.competition), str(tmp_path / "e")]
    with monkeypatch.context() as patched:
        patched.setattr(write_embeddings, "hear_windows", interrupted)
        assert main(words) == 130
    said = capsys.readouterr().err
    assert said == "\nbirdclef-mind embed: interrupted; the same command goes on with what is kept\n"
    assert main(words) == 0
    assert ", 3 were there already\n" in capsys.readouterr().out
    assert tree(tmp_path / "e") == tree(embedded.folder)


@pytest.mark.slow
def test_the_terminal_is_clean(embedded, little, tmp_path):
    """No library says a word in it, and what comes next can be typed as it stands."""
    listener = shutil.copytree(embedded.listener.parent, tmp_path / "my ears")
    describe(listener, name="Little Ears")
    words = [sys.executable, "-m", "birdclef_mind", "embed", listener, little.competition, tmp_path / "my embeddings"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, summary, *places = done.stdout.splitlines()
    assert first == "Little Ears: CC0 1.0; yes"
    assert summary.startswith("6 recordings, ")
    assert places == [
        f"  embeddings  {tmp_path}/my embeddings",
        f"  next        birdclef-mind train {tmp_path}/bundle --listener '{tmp_path}/my embeddings'",
    ]
