import copy
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.report.environment import frequency_ticks
from birdclef_mind.explanation.report.page import fidelity_curves, render, write_report
from birdclef_mind.sound.settings import PRESETS, Features
from birdclef_mind.sound.spectrum import bands_to_hz, mel_filters
from birdclef_mind.storage import files

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"


class Page(HTMLParser):
    """Tags and addresses of a page; unbalanced sections are an error."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.open = [], [], []
        self.feed(text)
        block = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.DOTALL)
        self.facts = json.loads(block[1])
        self.addresses += [segment["picture"] for segment in self.facts["segments"]]
        kinds = ("recordings", "segments")
        self.addresses += [item["sound"] for kind in kinds for item in self.facts[kind] if item["sound"]]
        self.addresses += [clip["sound"] for clip in self.facts["blind"]["clips"]]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.addresses += [value for name, value in attributes if name in ("src", "data-sound")]
        if tag in ("section", "article", "figure", "table", "main", "nav"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("section", "article", "figure", "table", "main", "nav"):
            assert self.open.pop() == tag


def test_the_page_shows_every_picture_and_sound(explained, tmp_path):
    folder, _ = explained
    write_report(folder, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert page.open == []
    assert all((tmp_path / unquote(address)).is_file() for address in page.addresses)
    shown = {unquote(address).split("/", 1)[1] for address in page.addresses}
    made = {path.relative_to(folder).as_posix() for path in folder.glob("*/*") if path.suffix != ".npy"}
    assert shown == made
    assert {attributes.get("id") for tag, attributes in page.tags if tag == "section"} == {
        "performance", "features", "data", "filters", "layers", "last", "rested", "answers", "blind", "correct",
        "suspects", "notes",
    }  # fmt: skip


def test_in_its_own_folder_the_page_needs_no_copies(explained, tmp_path):
    folder = shutil.copytree(explained[0], tmp_path / "x")
    before = {path.name for path in folder.iterdir()}
    write_report(folder, folder / "report.html")
    assert {path.name for path in folder.iterdir()} == before | {"report.html"}
    assert all((folder / unquote(a)).is_file() for a in Page((folder / "report.html").read_text()).addresses)


def test_networks_without_patches_have_a_page_elsewhere(explained, tmp_path):
    folder = shutil.copytree(explained[0], tmp_path / "x")
    shutil.rmtree(folder / "patches")
    written = json.loads((folder / "explanation.json").read_text())
    digests = {name: digest for name, digest in written["files"].items() if not name.startswith("patches/")}
    facts = {**written, "filters": [], "files": digests}
    del facts["format"], facts["sha256"]
    files.write_facts(folder / "explanation.json", facts, explanation.FORMAT)
    write_report(folder, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    assert page.addresses
    assert all((tmp_path / unquote(address)).is_file() for address in page.addresses)


def test_a_single_file_needs_nothing_beside_it(explained, tmp_path):
    write_report(explained[0], tmp_path / "page.html", single_file=True)
    page = Page((tmp_path / "page.html").read_text())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".birdclef_mind", "page.html"]
    for address in page.addresses:
        content = page.facts["embedded"].get(address, address)
        assert re.match(r"data:(image/png|audio/mpeg|audio/ogg);base64,", content)


def test_words_from_tables_are_text(explained):
    facts = copy.deepcopy(explained[1])
    facts["bundle"]["common_names"] = dict.fromkeys(facts["bundle"]["classes"], HOSTILE)
    for card in facts["examples"]:
        card.update(recording=HOSTILE, author=HOSTILE, why=HOSTILE)
    for recording in facts["data"]["recordings"]:
        recording.update(recording=f"</script>{HOSTILE}", author=HOSTILE)
    for item in (*facts["comparison"]["same"], *facts["comparison"]["originals"]):
        item["recording"] = HOSTILE
    facts["comparison"]["common_names"] = dict.fromkeys(facts["bundle"]["classes"], HOSTILE)
    facts["corrections"] = {
        "summary": HOSTILE,
        "lines": [{"recording": HOSTILE, "start_s": 0, "action": "relabel", "value": HOSTILE}],
    }
    facts["notes"].append(HOSTILE)
    text = render(json.loads(json.dumps(facts)), lambda path: path)
    page = Page(text)
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2
    assert page.facts["recordings"][0]["recording"] == f"</script>{HOSTILE}"
    assert "{{ 7 * 7 }}" in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_nothing_is_fetched_from_elsewhere(explained, tmp_path):
    write_report(explained[0], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert not re.search(r"(https?:)?//(?!\s)\w", text.replace("// One sound", ""))
    assert "default-src 'none'" in text


def test_every_number_of_the_curves_is_in_the_facts(explained):
    _, facts = explained
    layers = facts["fidelity"]["layers"]
    for curve in fidelity_curves(facts):
        control = "twin" if curve["control"] else "measures"
        for value, layer in zip(curve["values"], layers, strict=True):
            # Of vectors alone is drawn.
            assert (value is None) == (curve["method"] not in layer["methods"])
            assert value is None or value == layer["methods"][curve["method"]][control][curve["measure"]]["mean"]


@pytest.mark.parametrize("name", ["mel16", "mel32", "logmel128"])
def test_frequencies_stand_where_their_bands_are(name):
    features = PRESETS[name]
    ticks = frequency_ticks(features)
    assert len(ticks) >= 4
    filters = mel_filters(features).toarray()
    for tick in ticks:
        place = round(float(tick["khz"]) * 1000 / 32_000 * features.n_fft)
        loudest = filters[:, place].argmax()
        assert abs(tick["share"] * features.n_mels - (loudest + 0.5)) <= 1


def test_cepstra_have_no_frequencies():
    assert frequency_ticks(PRESETS["mfcc16"]) == []


def test_without_measures_or_filters_the_page_leaves_them_out(explained):
    facts = copy.deepcopy(explained[1])
    facts.update(performance=None, filters=[])
    page = Page(render(facts, lambda path: path))
    assert "performance" not in {attributes.get("id") for _, attributes in page.tags}
    facts["performance"] = {"scores": None, "history": []}
    assert "nothing is measured" in render(facts, lambda path: path)


def test_moments_and_honesty_are_shown(explained):
    facts = copy.deepcopy(explained[1])
    card = facts["examples"][0]
    assert card["moments"] == []
    label = facts["bundle"]["classes"][0]
    card["moments"] = [{"label": label, "chances": [0.0, 0.25, 1.0], "events": [[1.25, 2.5]]}]
    bins = [{"from": 0.0, "count": 9, "said": 0.04, "was": 0.1}, {"from": 0.9, "count": 3, "said": 0.95, "was": 0.8}]
    facts["performance"]["scores"]["calibration"] = {
        "error_before": 0.123, "error_after": 0.045, "before": bins, "after": bins,
    }  # fmt: skip
    text = render(facts, lambda path: path)
    page = Page(text)
    said = [attributes.get("aria-label") or "" for _, attributes in page.tags]
    name = facts["bundle"]["common_names"][label]
    assert any(words.startswith(name) and words.endswith("heard from 1.2 to 2.5 s") for words in said)
    assert [attributes["style"] for tag, attributes in page.tags if tag == "i" and "--share" in attributes.get("style", "")][:3] == [
        "--share:0.0", "--share:0.25", "--share:1.0",
    ]  # fmt: skip
    assert "miss this by 12.3 points" in text
    assert "48.0,190.0 230.0,50.0" in text


def test_without_decoders_the_other_ways_are_shown(explained):
    facts = copy.deepcopy(explained[1])
    for layer in facts["fidelity"]["layers"]:
        del layer["methods"]["decoder"]
        layer["methods"].pop("refined", None)
    for card in facts["examples"]:
        card["layers"] = [layer for layer in card["layers"] if layer["method"] not in ("decoder", "refined")]
    for card in facts["answers"]["cards"]:
        card["answers"] = [answer for answer in card["answers"] if answer["way"] != "search"]
    page = Page(render(facts, lambda path: path))
    ways = [attributes for tag, attributes in page.tags if attributes.get("name") == "method"]
    assert [way["value"] for way in ways] == ["weights", "transposed", "metamer", "nearest", "drawn"]
    assert ["checked" in way for way in ways] == [False, False, False, True, False]


def test_what_cannot_be_rendered_is_refused(explained, tmp_path):
    folder = shutil.copytree(explained[0], tmp_path / "x")
    with pytest.raises(ConfigError, match=r"page\.txt: expected a file name that ends in \.html"):
        write_report(folder, tmp_path / "page.txt")
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files" / "mine.txt").write_text("")
    with pytest.raises(
        ConfigError, match="expected a new or empty folder, or that of the files of page.html, found mine.txt"
    ):
        write_report(folder, tmp_path / "page.html")
    for content, message in [("{", "expected JSON"), ('{"format": 0}', "expected an explanation of format 4")]:
        (folder / "explanation.json").write_text(content)
        with pytest.raises(BundleError, match=message):
            write_report(folder, tmp_path / "other.html")
    shutil.copy(explained[0] / "explanation.json", folder)
    for path in sorted([*folder.glob("sounds/*.mp3"), *folder.glob("pictures/*.png")])[::20]:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BundleError, match=f"{path.name}: is missing or was changed since it was written"):
            write_report(folder, tmp_path / "other.html")
        path.write_bytes(content)
    facts = json.loads((folder / "explanation.json").read_text())
    for text, message in [
        (json.dumps({**facts, "notes": ["<b>"]}), "was changed since it was written"),
        (json.dumps(files.sealed({**facts, "files": {"../../secret": "0"}})), "expected files in pictures, .* alone"),
    ]:
        (folder / "explanation.json").write_text(text)
        with pytest.raises(BundleError, match=message):
            write_report(folder, tmp_path / "other.html")
    with pytest.raises(BundleError, match="expected an explanation, a folder with explanation.json, found nothing"):
        write_report(tmp_path / "none", tmp_path / "other.html")


def test_the_command_says_where_the_page_is(explained, tmp_path, capsys):
    assert main(["report", str(explained[0]), str(tmp_path / "page.html")]) == 0
    assert f"report  {tmp_path / 'page.html'}" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["help", "sample", "cache", "score", "report", "compare"])
def test_commands_without_a_network_import_no_heavy_library(command, sample_folder, explained, tmp_path):
    arguments = {
        "help": ["--help"],
        "sample": ["sample", tmp_path / "s", "--species", "2", "--recordings", "1", "--soundscapes", "0"],
        "cache": ["cache", sample_folder, tmp_path / "c", "--jobs", "1"],
        "score": ["score", sample_folder / "truth.csv", sample_folder / "truth.csv"],
        "report": ["report", explained[0], tmp_path / "page.html"],
        "compare": ["compare", sample_folder, tmp_path / "x"],
    }[command]
    code = """
import sys
from birdclef_mind.storage import files
from birdclef_mind.commands.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as ended:
    status = ended.code
heavy = {"tensorflow", "keras", "sklearn", "matplotlib", "pandas", "librosa"} & set(sys.modules)
sys.exit(f"{status} {sorted(heavy)}" if status or heavy else 0)
"""
    result = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert (result.returncode, result.stderr[-300:] if result.returncode else "") == (0, "")


def test_what_the_answer_rested_on_is_told_with_its_controls(explained):
    _, facts = explained
    page = render(facts, lambda path: path)
    assert "What did the answer rest on?" in page
    rested = facts["rested"]
    assert f"takes {100 * rested['share']:.0f} % of the picture" in page
    assert page.count("control: ") >= len(rested["controls"])
    for card in facts["examples"]:
        for path in (card["decided"]["kept"]["sound"], card["decided"]["removed"]["sound"], card["decided"]["mask"]):
            assert path in page
    features = Features.from_dict(facts["bundle"]["features"])
    rings = re.findall(r'class="ring" [^>]*left:([\d.]+)%;bottom:([\d.]+)%', page)
    places = [card["decided"]["highest"] for card in facts["examples"] if "highest" in card["decided"]]
    for place, (left, bottom) in zip(places, rings, strict=True):
        assert float(left) == pytest.approx(100 * place["at_s"] / features.windowing.length_s, abs=0.1)
        middles = bands_to_hz(np.arange(features.n_mels), features)
        row = int(np.abs(middles - place["hz"]).argmin())
        assert float(bottom) == pytest.approx(100 * (row + 0.5) / features.n_mels, abs=0.1)
        assert f"most at {place['at_s']:.1f} s, {place['hz'] / 1000:.1f} kHz" in page
    # Explanations that older programs wrote say nothing of it.
    older = {**facts, "examples": [{**card} for card in facts["examples"]]}
    del older["rested"]
    for card in older["examples"]:
        del card["decided"]
    assert "What did the answer rest on?" not in render(older, lambda path: path)
