"""One table of words: every word in every language, and every one that the page asks for."""

import re
from importlib import resources

from birdclef_mind.audit.suspicion import KINDS
from birdclef_mind.studio.languages import LANGUAGES, TABLE, words_in

PAGE = resources.files("birdclef_mind.studio") / "page"


def test_every_word_is_there_in_every_language():
    for key, words in TABLE.items():
        assert len(words) == len(LANGUAGES) and all(word.strip() for word in words), key


def test_the_page_asks_for_words_that_are_there_and_uses_all():
    text = "".join(one.read_text() for one in PAGE.iterdir() if one.name.endswith((".js", ".html")))
    asked = (
        set(re.findall(r'\bt\("([^"]+)"', text))
        | set(re.findall(r"words\.([a-z_]+)", text))
        | set(re.findall(r'words\["([a-z_]+)"\]', text))
    )
    assert asked <= set(TABLE)
    unused = [key for key in TABLE if f'"{key}"' not in text and f"words.{key}" not in text and key not in asked]
    assert {f"kind {kind}" for kind in KINDS} == {key for key in TABLE if key.startswith("kind ")}
    assert "`kind ${" in text and "`counted ${" in text
    # These are said of states, ways and parts by their own names.
    assert {key for key in unused if not key.startswith(("kind ", "counted "))} <= {
        "box_cut",
        "box_keep",
        "weights",
        "transposed",
        "decoder",
        "nearest",
        "metamer",
        "kept",
        "removed",
        "done",
        "stopped",
        "failed",
        "unsure",
        "in order",
        "suspicious",
        "top1",
        "mean_average_precision",
        "roc_auc",
        "padded_cmap",
    }


def test_another_language_is_english():
    assert words_in("xx") == words_in("en") != words_in("de")
