"""Commands given the wrong folder: one sentence says which kind was wanted and which kind this is."""

import pytest
from conftest import tree

from birdclef_mind.commands.cli import main

# Each command, the kind of folder in each place; "out" is written to.
WANTED = {
    "cache": ["competition", "out cache"],
    "embed": ["bundle", "competition", "out embeddings"],
    "train": ["cache", "out bundle"],
    "train-decoders": ["bundle", "cache"],
    "explain": ["bundle", "cache", "out explanation"],
    "compare": ["competition", "out comparison"],
    "report": ["explanation", "page"],
    "infer": ["bundle", "competition", "submission"],
}
WORDS = {
    "competition": "a competition folder", "cache": "a cache", "bundle": "a bundle", "explanation": "an explanation",
    "embeddings": "embeddings",
    "file": "a file", "nothing": "nothing", "empty": "an empty folder",
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(sample_folder, cache_folder, trained, embedded, tmp_path_factory):
    """A folder of each kind; what is no folder of ours stands beside them."""
    root = tmp_path_factory.mktemp("kinds")
    (root / "file").write_text("text")
    (root / "empty").mkdir()
    (root / "explanation").mkdir()
    (root / "explanation" / "explanation.json").write_text("{}")
    return {
        "competition": sample_folder, "cache": cache_folder, "bundle": trained[0], "nothing": root / "nothing",
        "embeddings": embedded.folder,
        **{name: root / name for name in ("file", "empty", "explanation")},
    }  # fmt: skip


def cases():
    for command, places in WANTED.items():
        for place, wanted in enumerate(places):
            if wanted in ("page", "submission"):
                continue
            kind = wanted.removeprefix("out ")
            allowed = (kind, "nothing", "empty") if wanted.startswith("out ") else (kind,)
            for given in WORDS:
                if given not in allowed:
                    yield pytest.param(command, place, kind, given, id=f"{command}-{place}-{given}")


@pytest.mark.parametrize(("command", "place", "kind", "given"), cases())
def test_a_wrong_folder_is_named_with_what_was_wanted(folders, tmp_path, capsys, command, place, kind, given):
    kinds = [wanted.removeprefix("out ") for wanted in WANTED[command]]
    paths = [tmp_path / f"new-{number}" if name.startswith("out ") else folders.get(kinds[number], tmp_path / "p.html")
             for number, name in enumerate(WANTED[command])]  # fmt: skip
    paths[place] = folders[given]
    before = tree(folders[given]) if folders[given].is_dir() else None
    assert main([command, *map(str, paths)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folders[given]) in said
    assert kind in said.split("expected", 1)[1].split("found")[0]
    assert f"found {WORDS[given]}" in said
    assert before is None or tree(folders[given]) == before
    assert not list(tmp_path.iterdir())
