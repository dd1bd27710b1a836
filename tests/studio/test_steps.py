"""Commands in the background: done in turn, stopped, gone on with, and never lost."""

import json
import time

import pytest

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.again import toml_text
from birdclef_mind.studio.steps import Steps


def wait(steps, *states):
    for _ in range(1200):
        if steps.state in states:
            return
        time.sleep(0.05)
    raise AssertionError(steps.told())


def test_they_are_done_in_turn_and_what_they_say_is_shown(tmp_path):
    steps = Steps(tmp_path, "training")
    assert steps.told() == {"state": "never", "done": 0, "steps": 0, "lines": []}
    steps.begin([["--version"], ["score", str(tmp_path / "no.csv"), str(tmp_path / "none.csv")]])
    with pytest.raises(ConfigError, match="running already"):
        steps.begin([["--version"]])
    wait(steps, "failed")
    told = steps.told()
    assert (told["done"], told["steps"]) == (1, 2)
    assert told["lines"][0].startswith("birdclef-mind ") and "none.csv" in told["lines"][-1]
    steps.begin([["--version"]])
    wait(steps, "done")


def test_what_is_stopped_goes_on_and_a_new_studio_takes_over_what_a_kill_left(tmp_path):
    steps = Steps(tmp_path, "training")
    steps.begin([["sample", str(tmp_path / "sample"), "--species", "3", "--recordings", "20"], ["--version"]])
    # Long before it is whole.
    until = time.monotonic() + 60
    while not any(tmp_path.rglob("*.ogg")) and time.monotonic() < until:
        time.sleep(0.01)
    steps.stop()
    assert steps.state == "stopped" and steps._process is None
    steps.go_on()
    with pytest.raises(ConfigError, match="running already"):
        steps.begin([["--version"]])
    steps.stop()
    left = json.loads((tmp_path / "training.json").read_text())
    # As it stands on disk when the studio is killed: running, by a process that is no more.
    (tmp_path / "training.json").unlink()
    from birdclef_mind.storage.ledger import write_own

    write_own(tmp_path / "training.json", json.dumps({**left, "state": "running"}).encode())
    again = Steps(tmp_path, "training")
    again.resume()
    wait(again, "done")
    assert (tmp_path / "sample" / "train_metadata.csv").is_file()


def test_settings_survive_as_toml():
    import tomllib

    values = {"a": 1, "b": [1.5, 'x"y\n'], "t": {"c": True, "inner": {"d": -1e-5}}, "n": None}
    assert tomllib.loads(toml_text(values)) == {"a": 1, "b": [1.5, 'x"y\n'], "t": {"c": True, "inner": {"d": -1e-5}}}
