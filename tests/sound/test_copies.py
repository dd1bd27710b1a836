import numpy as np

from birdclef_mind.sound.copies import alike_recordings


def songs(rng, count, rows=32, frames=313):
    """Pictures of different songs: dark, with bright strokes."""
    pixels = np.zeros((count, rows, frames), np.uint8)
    for picture in pixels:
        for _ in range(6):
            row, frame = rng.integers(rows - 3), rng.integers(frames - 20)
            picture[row : row + 3, frame : frame + 20] = rng.integers(100, 256)
    return pixels


def test_copies_are_found_shifted_quieter_and_noisy(rng):
    pixels = songs(rng, 12)
    copies = np.stack([pixels[0], np.roll(pixels[1], 40, axis=1), pixels[2] // 2, pixels[3]])
    copies[3] = np.clip(copies[3] + rng.normal(0, 8, copies[3].shape), 0, 255)
    names = [f"r{number}" for number in range(12)] + [f"copy{number}" for number in range(4)]
    found = alike_recordings(np.concatenate([pixels, copies]), names)
    assert {frozenset(pair) for pair in found} == {frozenset((f"r{n}", f"copy{n}")) for n in range(4)}


def test_a_recording_is_no_copy_of_itself(rng):
    pixels = songs(rng, 3)
    assert alike_recordings(np.concatenate([pixels, pixels]), ["a", "b", "c"] * 2) == []


def test_segments_that_show_nothing_are_no_copies():
    assert alike_recordings(np.zeros((4, 32, 313), np.uint8), list("abcd")) == []
