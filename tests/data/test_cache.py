from dataclasses import replace

from birdclef_mind.data.cache import open_cache


def test_a_recording_is_held_out_as_a_whole_and_silence_is_on_no_side(cache_folder):
    cache = open_cache(cache_folder)
    cache = replace(cache, rows=tuple(replace(row, silent=place % 5 == 0) for place, row in enumerate(cache.rows)))
    held_out = {row.recording for row in cache.rows[::4]}
    learn, check = [], []
    for row in cache.rows:
        if not row.silent:
            (check if row.recording in held_out else learn).append(row)
    assert learn and check
    both = cache.sides(sorted(held_out))
    assert (list(both.learn), list(both.check)) == (learn, check)
    assert sorted(cache.heard, key=str) == sorted([*learn, *check], key=str)
    assert cache.sides(()).learn == cache.heard
    assert cache.sides(()).check == ()
