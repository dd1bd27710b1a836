import tempfile
import tracemalloc

import numpy as np
import pytest

from birdclef_mind.sound import landmarks as landmarks_
from birdclef_mind.sound import matches as matches_
from birdclef_mind.sound.landmarks import Landmarks, find_landmarks
from birdclef_mind.sound.matches import SHIFT, _neighbours, _ones, match_landmarks
from birdclef_mind.storage.shelves import Shelves

EACH = 469


def put(segments, signs, rng):
    """Landmarks of some segments (n,) with signs (n, 16), each at a moment of its own."""
    moments = segments * EACH + rng.permutation(EACH)[np.arange(len(segments)) % EACH]
    rows = Shelves(tempfile.TemporaryFile(buffering=0), 5, 1)  # noqa: SIM115
    rows.put(np.column_stack([moments.astype(np.uint32), signs.view(np.uint32)]), np.zeros(len(moments), np.uint8))
    return Landmarks(rows, EACH)


def copied(rng, segments, each):
    """Landmarks of segments that are unlike, but each of the second half is a copy of one of the first."""
    count = segments * each
    signs = rng.integers(0, 256, (count, 16), np.uint8)
    changed = (1 << rng.integers(0, 8, (count // 2, 16))).astype(np.uint8) * (rng.random((count // 2, 16)) < 0.2)
    signs[count // 2 :] = signs[: count // 2] ^ changed
    return put(np.repeat(np.arange(segments), each), signs, rng)


def test_neighbours_are_those_of_the_definition(rng):
    """In a loop: in order of the bytes, the most alike of those that follow and belong to another."""
    count = 300
    signs = rng.integers(0, 256, (count, 16), np.uint8)
    signs[200:] = signs[:100] ^ (1 << rng.integers(0, 8, (100, 16))).astype(np.uint8) * (rng.random((100, 16)) < 0.1)
    owners = np.arange(count) % 7
    ones, others, clear = _neighbours(signs.view(np.uint64), owners, 0, 1)
    expected = {}
    order = sorted(range(count), key=lambda place: bytes(signs[place, :8]))
    for at, place in enumerate(order):
        distances = {next_: int(np.unpackbits(signs[place] ^ signs[next_]).sum()) for next_ in order[at + 1 : at + 13]}
        others_ = [next_ for next_ in distances if owners[next_] != owners[place]]
        nearest = min(others_, key=distances.__getitem__, default=None)
        if nearest is not None and min(40, max(distances.values())) - distances[nearest] >= 10:
            expected[place, nearest] = min(40, max(distances.values())) - distances[nearest]
    assert dict(zip(zip(ones.tolist(), others.tolist(), strict=True), clear.tolist(), strict=True)) == expected
    assert len(expected) > 50


def test_ones_are_counted(rng, monkeypatch):
    words = rng.integers(0, 2**64, 1000, np.uint64, endpoint=False)
    expected = [int(word).bit_count() for word in words]
    assert _ones(words).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert _ones(words).tolist() == expected


def test_votes_are_those_of_each_pair_of_landmarks_once(rng, monkeypatch):
    """In a loop over what all orders find together."""
    landmarks, owners = copied(rng, 30, 20), np.arange(30)
    rows = next(landmarks.rows.take(10**6, whole=True))
    found = {}
    for first in matches_._FIRSTS:
        for step in matches_._STEPS:
            words = np.ascontiguousarray(rows[:, 1:]).view(np.uint64)
            looked = _neighbours(words, owners[rows[:, 0] // EACH], first, step)
            for one, other, clear in zip(*(part.tolist() for part in looked), strict=True):
                pair = tuple(sorted((int(rows[one, 0]), int(rows[other, 0]))))
                found[pair] = max(found.get(pair, 0), clear)
    expected = {}
    for (one, other), clear in found.items():
        frames = [moment % EACH // 3 * 2 for moment in (one, other)]
        key = one // EACH, other // EACH, round((frames[0] - frames[1]) / SHIFT) * SHIFT
        expected[key] = expected.get(key, 0) + clear
    for shelves, least in ((256, 0), (7, 28), (1, 0)):
        monkeypatch.setattr(matches_, "_SHELVES", shelves)
        got = [part for some in match_landmarks(landmarks, owners, least) for part in columns(some)]
        assert dict(got) == {key: votes for key, votes in expected.items() if votes >= least}
        assert len(got) == len(dict(got))
        assert [key[0] for key, _ in got] == sorted(key[0] for key, _ in got)


def columns(matches):
    parts = (matches.first, matches.second, matches.shifts)
    return zip(zip(*(part.tolist() for part in parts), strict=True), matches.votes.tolist(), strict=True)


def test_matches_say_how_a_copy_is_shifted(rng):
    pixels = rng.integers(0, 256, (2, 32, 313), np.uint8)
    pixels[1, :, :281] = pixels[0, :, 32:]
    with find_landmarks(pixels.__getitem__, np.arange(2), 313) as landmarks:
        (matches,) = match_landmarks(landmarks, np.arange(2))
    best = matches.votes.argmax()
    assert (matches.first[best], matches.second[best]) == (0, 1)
    assert abs(matches.shifts[best] - 32) <= SHIFT


@pytest.mark.parametrize("alike", [False, True])
def test_memory_does_not_grow_with_the_segments(rng, monkeypatch, alike):
    """Where all signs are the same, too, and no byte tells landmarks apart."""
    monkeypatch.setattr(landmarks_.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(matches_, "_BLOCK", 2**12)
    monkeypatch.setattr(matches_, "_SHELVES", 2**8)
    peaks = []
    for segments in (2_000, 10_000):
        landmarks = copied(rng, segments, 20)
        if alike:
            landmarks = put(np.repeat(np.arange(segments), 20), np.ones((segments * 20, 16), np.uint8), rng)
        owners = np.arange(segments)
        tracemalloc.start()
        votes = sum(int(matches.votes.sum()) for matches in match_landmarks(landmarks, owners, 28))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert alike or votes > segments * 100
    # Landmarks alone take 400 bytes a segment, and what is found in twelve orders more than 1,000.
    assert peaks[1] - peaks[0] < 8_000 * 150
