"""The benchmarks run, on little; how fast anything is, no test asks."""

import contextlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path[:0] = [str(SCRIPTS / "benchmarks"), str(SCRIPTS)]


def checked(rows):
    found = list(rows)
    assert all(row.seconds > 0 and (row.ratio is None) == (not row.beside) for row in found)
    return [row.work for row in found]


def test_caching_is_measured_beside_decoding(sample_folder):
    import caching

    works = checked(caching.rows(sample_folder, jobs=(1,)))
    assert works[0].startswith("decoding alone")
    assert len(works) == 3


def test_growth_is_measured_in_processes_of_their_own():
    import growth

    found = list(growth.rows(recordings=(3, 6), soundscapes=(), birds=(), segments=(100,)))
    assert [row.ratio is not None for row in found] == [True, True, True]
    assert all(row.megabytes > 50 for row in found)


@pytest.mark.slow
def test_training_and_answering_are_measured_beside_the_network():
    import answering
    import learning

    assert len(checked(learning.rows(recipes=[("classic", "mel32")], batches=2))) == 4
    assert len(checked(answering.rows(recipes=[("classic", "mel32")], minutes=1))) == 4


def test_runtimes_are_measured_beside_the_graph_and_agree(monkeypatch):
    import runtimes

    monkeypatch.setenv("BIRDCLEF_MIND_RUNTIME", "tensorflow")
    monkeypatch.setattr("birdclef_mind.networks.runtime.QUICKER", 0)
    found = list(runtimes.rows(networks=["classic"], preset="mel16", windows=8))
    assert [row.work.partition(" (")[0] for row in found][:2] == [
        "classic: a window, TensorFlow's graph", "classic: a window, TFLite",
    ]  # fmt: skip
    assert all(row.ratio > 0 and float(row.work.split("at most ")[1].split(" away")[0]) < 1e-3 for row in found[1:])


@pytest.mark.slow
def test_the_studio_is_measured_as_a_browser_asks_it():
    import hosting

    works = checked(hosting.rows(minutes=1, live_s=1))
    assert len(works) == 4 and works[0].startswith("1 minutes dropped")


@pytest.mark.slow
def test_reading_backwards_is_measured_beside_loops():
    import backwards

    assert len(checked(backwards.stamping())) == 3


@pytest.mark.slow
def test_listening_is_measured_beside_the_file_itself(fake_birdnet, little):
    import listening

    works = checked(
        listening.rows(little.competition, fake_birdnet / "model.tflite", recordings=2, memory_of=(2,), minutes=1)
    )
    assert len(works) == 7


def test_without_birdnet_listening_is_left_out_in_a_sentence(sample_folder, tmp_path):
    import benchmark

    for named, found in (
        (None, "nothing is named"),
        (tmp_path / "none.tflite", f"found none at {tmp_path}/none.tflite"),
    ):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            assert list(benchmark.listen(SimpleNamespace(listener=named, competition=sample_folder))) == []
        assert said.getvalue().endswith(f"as --listener or BIRDCLEF_MIND_LISTENER, {found}\n")
        assert said.getvalue().count("\n") == 1


def test_the_page_says_what_was_measured_where(tmp_path):
    import page
    from timing import Row

    words = ["/home/jane/birds", "--listener", "/home/jane/b.tflite", "--write", "docs/measurements.md"]
    command = page.command_of(words, {"/home/jane/birds": "COMPETITION", "/home/jane/b.tflite": "MODEL"})
    rows = [Row("decoding alone", 0.00414), Row("cached", 0.00676, 1.632, "decoding alone", 120.4)]
    page.write(tmp_path / "page.md", page.page(rows, command, 20))
    text = (tmp_path / "page.md").read_text()
    assert "| decoding alone | 4.14 ms | – | – | – |\n" in text
    assert "| cached | 6.76 ms | 1.63 | decoding alone | 120 MB |\n" in text
    assert "`python scripts/benchmark.py COMPETITION --listener MODEL --write docs/measurements.md`" in text
    assert "/home/jane" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
    for seconds in (1.0, 2.0):
        for name in ("listening", "growth"):
            section = page.part(name, [Row(name, seconds)], command, 20)
            page.write_section(tmp_path / "page.md", page.heading(name), section)
    assert (tmp_path / "page.md").read_text().startswith(text)
    sections = (tmp_path / "page.md").read_text().removeprefix(text).split("## ")[1:]
    assert [one.splitlines()[0] for one in sections] == ["Listening, measured alone", "Growth, measured alone"]
    assert sections[0].endswith("| listening | 2 s | – | – | – |\n\n")


def test_what_explanations_measured_stands_in_tables_and_stays_when_the_rest_is_written_anew(tmp_path, monkeypatch):
    import minds
    import page
    from timing import Row

    def measures(value):
        return {name: {"mean": value, "low": 0.0, "high": 1.0} for name in ("correlation", "recognised")}

    judged = {"sounds": 2, "named": {"mean": 0.5, "low": 0.0, "high": 1.0}}
    layer = {"measures": measures(0.25), "twin": measures(-0.5), "segments": 12}
    facts = {
        "fidelity": {
            "segments": 64, "input": measures(1.0), "mean_picture": measures(0.125),
            "layers": [{"tap": "stage_1", "methods": {"decoder": layer}}],
        },
        "judge": {
            "name": "Ears", "features": {"own": judged}, "mean_picture": {"judged": None},
            "layers": [{"tap": "stage_1", "method": "decoder", "own": judged}],
        },
        "answers": {"summary": [{
            "way": "drawn", "seed": 1, "classes": 3, "recognised": 2, "recognised_by_second": 1, "judged": 2,
            "named_by_judge": 0,
        }]},
        "rested": {
            "segments": 12, "share": 0.2, "notes": [], "methods": {"grad_cam": {"drop": {"mean": 0.1}}},
            "controls": {"random": {"drop": {"mean": 0.9}}},
        },
    }  # fmt: skip
    (tmp_path / "explanation.json").write_text(json.dumps(facts))
    (tmp_path / "page.md").write_text("# Page\n\n## First\n\none\n")
    for words in (
        [f"Birds, a = b={tmp_path}"],
        [f"Others={tmp_path}", "--parts", "rested"],
        [f"Birds, a = b={tmp_path}"],
    ):
        monkeypatch.setattr(sys, "argv", ["minds.py", str(tmp_path / "page.md"), *words])
        minds.main()
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("# Page\n\n## First\n\none\n\n## Minds\n")
    assert text.count("### Birds, a = b\n") == text.count("### Others\n") == text.count("| drawn |") == 1
    assert text.count("| kept by | AD |\n| --- | --- |\n| grad cam | .10 |\n| control: random | .90 |\n") == 2
    assert "| from | way back | segments | correlation | called the same | named first by Ears |" in text
    assert "| stage_1 | decoder | 12 | .25 (−.50) | .25 (−.50) | .50 |\n" in text
    assert "| their pictures |  | 64 | 1.00 | 1.00 | .50 |\n| mean picture |  | 64 | .12 | .12 | – |\n" in text
    assert "| drawn | 1 | 2 of 3 | 1 of 3 | 0 of 2 |\n" in text
    again = page.with_others(tmp_path / "page.md", page.page([Row("work", 1.0)], "command", 20))
    assert "| work | 1 s | – | – | – |\n\n## First\n\none\n\n## Minds\n" in again
    assert again.endswith(f"| control: random | .90 |\n\n{minds.PUBLISHED}\n")


def test_the_page_of_the_documents_was_written_by_it():
    import page

    text = (Path(__file__).resolve().parents[2] / "docs" / "measurements.md").read_text(encoding="utf-8")
    assert text.startswith(page.page([], "python scripts/benchmark.py", 0)[:60])
    assert all(f"| {name} |" in text for name in page.machine())


def test_what_a_judge_names_is_counted(little):
    import judging

    from birdclef_mind.data.competition import open_competition
    from birdclef_mind.listeners.judge import Judge
    from birdclef_mind.listeners.open_listener import open_listener

    competition, judge = open_competition(little.competition), Judge(open_listener(little.bundle), 1)
    samples, labels, names = judging.windows_of(competition)
    assert (len(samples), set(labels) <= set(names)) == (len(labels), True)
    found = list(judging.rows(judge, competition, presets=("mel16",)))
    assert [row.what for row in found] == [judging.RECORDED, "mel16"]
    assert all(row.among_all <= row.among_own <= row.windows == len(labels) for row in found)
    # All that this judge knows are the competition's.
    assert [row.among_all for row in found] == [row.among_own for row in found]
    lines = list(judging.lines(found, 2, 2))
    assert lines[3].startswith(f"| rebuilt from the picture of `mel16` | {len(labels)} | ")
