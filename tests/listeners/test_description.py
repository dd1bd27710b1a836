"""Descriptions of models: what is read, and what is refused, with its line."""

from pathlib import Path

import pytest

from birdclef_mind.errors import ConfigError, ListenerError
from birdclef_mind.listeners.description import KINDS, Description, lines_for, read_description

LINES = {
    "kind": '"onnx"',
    "model": '"model.onnx"',
    "labels": '"labels.csv"',
    "rate_hz": "32000",
    "window_s": "5.0",
    "embedding": '"embedding"',
}


def written(folder, **changed):
    path = folder / "listener.toml"
    lines = {name: value for name, value in {**LINES, **changed}.items() if value is not None}
    path.write_text("\n".join(f"{name} = {value}" for name, value in lines.items()), encoding="utf-8")
    return path


def test_six_lines_describe_a_model(tmp_path):
    found = read_description(written(tmp_path))
    assert found == Description(
        kind="onnx", model=tmp_path / "model.onnx", labels=tmp_path / "labels.csv", rate_hz=32_000, window_s=5.0,
        embedding="embedding",
    )  # fmt: skip
    assert (found.window_samples, found.answer, found.are, found.peak) == (160_000, "sigmoid", "logits", 0)


def test_the_lines_of_the_page_are_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs/listeners.md").read_text(encoding="utf-8")
    (tmp_path / "x.toml").write_text(page.split("```text\n")[1].split("```")[0])
    assert read_description(tmp_path / "x.toml") == read_description(written(tmp_path))


def test_more_may_be_said(tmp_path):
    found = read_description(
        written(tmp_path, taps='["a", "b"]', scores='"logits"', are='"chances"', answer='"softmax"', peak="0.25",
                hop_s="0.02", licence='"MIT"', prize='"may"', name='"Ears"', column='"label"', signature='"s"')
    )  # fmt: skip
    assert found.named == ("a", "b", "embedding", "logits")
    assert (found.are, found.answer, found.peak, found.hop_s) == ("chances", "softmax", 0.25, 0.02)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_the_lines_that_messages_show_are_read(tmp_path, kind):
    path = tmp_path / "x.toml"
    path.write_text(lines_for(kind, "model"))
    assert read_description(path).kind == kind


def test_some_kinds_know_the_rest_themselves(tmp_path):
    nothing = dict.fromkeys(("rate_hz", "window_s", "embedding"))
    assert read_description(written(tmp_path, kind='"birdnet"', **nothing)).labels == tmp_path / "labels.csv"
    assert read_description(written(tmp_path, kind='"bundle"', labels=None, **nothing)).labels is None
    with pytest.raises(
        ListenerError, match="rate_hz: expected nothing for kind bundle, which says it itself, got 32000"
    ):
        read_description(written(tmp_path, kind='"bundle"', labels=None))


def test_paths_stay_in_the_folder(tmp_path):
    assert read_description(written(tmp_path, model='"/far/model.onnx"')).model == Path("/far/model.onnx")
    assert read_description(written(tmp_path, model='"a/b.onnx"')).model == tmp_path / "a/b.onnx"
    for way in ("../model.onnx", "a/../../model.onnx"):
        with pytest.raises(ListenerError, match="model: expected an absolute path, or one inside the file's folder"):
            read_description(written(tmp_path, model=f'"{way}"'))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"kind": '"torch"'},
            "line 1: kind: expected one of tflite, savedmodel, keras, onnx, birdnet, bundle, got 'torch'",
        ),
        ({"kind": None}, "listener.toml: kind: expected to be given, got None"),
        ({"model": None}, "listener.toml: model: expected to be given"),
        ({"model": "3"}, "line 2: model: expected a path, got 3"),
        ({"model": '""'}, "line 2: model: expected a path, got ''"),
        ({"labels": None}, "listener.toml: labels: expected a path, got None"),
        ({"labels": '["a"]'}, "line 3: labels: expected a path"),
        ({"rate_hz": "0"}, "line 4: rate_hz: expected a whole number above 0 and at most 1000000, got 0"),
        ({"rate_hz": "true"}, "line 4: rate_hz: expected a whole number"),
        ({"window_s": "-1.0"}, "line 5: window_s: expected seconds above 0 and at most 600, got -1.0"),
        ({"window_s": "nan"}, "line 5: window_s: expected seconds"),
        ({"embedding": "1"}, "line 6: embedding: expected a text, got 1"),
        ({"peak": "2"}, "line 7: peak: expected a number from 0 to 1, got 2"),
        ({"hop_s": "6"}, "line 7: hop_s: expected seconds above 0 and at most 5.0, got 6"),
        ({"are": '"odds"'}, "line 7: are: expected logits or chances, got 'odds'"),
        ({"answer": '"both"'}, "line 7: answer: expected sigmoid or softmax, got 'both'"),
        ({"taps": '["a", "a"]'}, "line 7: taps: expected a list of names, each once"),
        ({"taps": '"a"'}, "line 7: taps: expected a list of names"),
        ({"rate": "3"}, "line 7: rate: expected one of kind, model, labels, rate_hz"),
        ({"rate_hz": "32k"}, r"listener.toml: expected TOML, got .*line 4"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path, changed, message):
    with pytest.raises(ListenerError, match=message):
        read_description(written(tmp_path, **changed))


def test_what_is_no_text_is_refused(tmp_path):
    with pytest.raises(ListenerError, match="expected TOML, got what cannot be read"):
        read_description(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'kind = "\xe9"')
    with pytest.raises(ListenerError, match="expected TOML, got what cannot be read"):
        read_description(tmp_path / "latin.toml")


def test_it_refuses_when_it_is_made(tmp_path):
    with pytest.raises(ConfigError, match="model: expected a path, got 'x'"):
        Description(kind="bundle", model="x")
