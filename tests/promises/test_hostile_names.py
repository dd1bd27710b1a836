"""Words of strangers in every place they can stand, from the table and the sound files to the page in a browser."""

import csv

import numpy as np
import pytest
import soundfile

from birdclef_mind.commands.cli import main

HOSTILE = "<img src=x onerror=window.hurt=1>\"'&{{7*7}}</script><script>window.hurt=1</script>=cmd|'/c calc'!A1"
# What a file name can hold of it.
FILE = "<img src=x onerror=window.hurt=1>\"'&{{7*7}}<svg onload=window.hurt=1>=1+1.ogg"
TAGS = ("title", "artist", "comment", "album", "copyright", "genre", "software")


@pytest.fixture(scope="module")
def hostile_page(little, tmp_path_factory):
    """The report of a competition whose every free field is hostile."""
    root = tmp_path_factory.mktemp("hostile")
    competition = root / "competition"
    with (little.competition / "train_metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        own = little.competition / "train_audio" / row["filename"]
        row["filename"] = f"{row['primary_label']}/{number}{FILE}"
        path = competition / "train_audio" / row["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        samples, rate_hz = soundfile.read(own, dtype="float32")
        with soundfile.SoundFile(path, "w", rate_hz, 1, format="OGG") as file:
            for tag in TAGS:
                setattr(file, tag, HOSTILE)
            for block in np.array_split(samples, 20):
                file.write(block)
        for column in ("author", "common_name", "scientific_name", "license", "url", "type", "rating"):
            # Authors stay several, so that some of them can be held out.
            row[column] = f"{HOSTILE} {row['author'][-1] if column == 'author' else ''}"
    with (competition / "train_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    cache, bundle, page = root / "cache", root / "bundle", root / "page.html"
    assert main(["cache", str(competition), str(cache), "--quiet", "--jobs", "1"]) == 0
    marks = "recording,start_s,action,value\n" + f'"{rows[0]["filename"].replace(chr(34), chr(34) * 2)}",0,drop,\n'
    (root / "overrides.csv").write_text(marks)
    words = ["train", str(cache), str(bundle), "--model", "small", "--epochs", "1", "--quiet"]
    assert main([*words, "--overrides", str(root / "overrides.csv")]) == 0
    explain = ["explain", str(bundle), str(cache), str(root / "x"), "--examples", "2", "--seeds", "1", "--quiet"]
    assert main([*words[:2], str(root / "second"), *words[3:], "--seed", "1"]) == 0
    assert main([*explain, "--second", str(root / "second")]) == 0
    assert main(["report", str(root / "x"), str(page), "--single-file", "--quiet"]) == 0
    return root / "x", page


@pytest.mark.slow
def test_nothing_of_it_is_run_and_all_of_it_is_shown(hostile_page, visit):
    folder, page = hostile_page
    opened = visit(page).page
    assert opened.evaluate("window.hurt") is None
    assert opened.locator("img[onerror], svg[onload]").count() == 0
    shown = opened.locator("body").inner_text()
    assert HOSTILE in shown, "an author and a bird's name, as they were given"
    assert FILE.removesuffix(".ogg") in page.read_text().replace("&lt;", "<").replace("&gt;", ">").replace(
        "&#34;", '"'
    ).replace("&#39;", "'").replace("&amp;", "&")
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert not any("<" in name or "=" in name for name in names), "files are not named by strangers"
