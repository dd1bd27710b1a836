"""The page of soft labels: the windows that it names, and their sounds."""

import html
import re
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np

from birdclef_mind.data.cache import open_cache
from birdclef_mind.training.soft_labels import SoftLabels, UnlabelledSoundscapes
from birdclef_mind.training.soft_page import soft_page


def labels_of(folder, chances):
    cache = open_cache(folder / "untold")
    return SoftLabels(UnlabelledSoundscapes(cache), cache.heard[: len(chances)], np.asarray(chances, np.float32))


def test_the_likeliest_bird_comes_first_with_its_surest_windows_and_those_in_doubt(rounds_2024, rng):
    count, birds = 6, len(open_cache(rounds_2024 / "untold").classes)
    chances = np.zeros((count, birds), np.float32)
    chances[:, 1], chances[0, 0] = [0.9, 0.2, 0.5, 0.99, 0.4, 0.7], 0.3
    labels = labels_of(rounds_2024, chances)
    page = soft_page(labels, rounds_2024)
    cache = labels.soundscapes.cache
    names = [cache.common_names[cache.classes.names[place]] for place in (1, 0)]
    found = re.findall(r"<summary><b>(.*?) \((.*?)\)</b>, ([\d.]+) likely in (\d+) windows", page)
    assert [(html.unescape(one[0]), *one[2:]) for one in found] == [(names[0], "3.7", "6"), (names[1], "0.3", "1")]
    shown = re.findall(r'<td class="number">([\d.]+) s</td><td class="number">([\d.]+)</td>', page)
    assert [float(chance) for _, chance in shown] == [0.99, 0.9, 0.7, 0.5, 0.4, 0.2, 0.3]
    for (start, _), (path, begin, end) in zip(shown, re.findall(r'src="(.*?)#t=(.*?),(.*?)"', page), strict=True):
        assert (rounds_2024 / unquote(path)).is_file()
        assert (float(begin), float(end)) == (float(start), float(start) + 5)


def test_hostile_names_are_text_and_missing_sounds_are_said(rounds_2024, tmp_path):
    labels = labels_of(rounds_2024, np.full((1, len(open_cache(rounds_2024 / "untold").classes)), 0.5))
    row = SimpleNamespace(recording='../<img src=x onerror="x">.ogg', start_s=0.0)
    page = soft_page(SoftLabels(labels.soundscapes, (row,), labels.chances), tmp_path)
    assert "<img" not in page and "<audio" not in page and "so nothing can be played" in page
