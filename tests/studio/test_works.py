"""Work in a thread of its own: in order, with progress, to be stopped, and none ends the others."""

import threading
import time

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.works import Works


def ended(work):
    for _ in range(200):
        if work.ended:
            return work
        time.sleep(0.02)
    raise AssertionError(work)


def test_what_is_found_is_there_before_the_end_and_works_wait_for_each_other():
    works, go = Works(), threading.Event()

    def slow(work):
        for number in work.track(range(3), 3, "things"):
            yield number
            go.wait(5)

    first, second = works.begin(slow), works.begin(lambda work: ["second"])
    while not first.found:
        time.sleep(0.01)
    assert (first.state, first.total, second.state) == ("running", 3, "waiting")
    go.set()
    assert ended(first).found == [0, 1, 2]
    assert ended(second).found == ["second"]
    works.close()


def test_it_is_stopped_and_what_goes_wrong_is_told(capsys):
    works, begun = Works(), threading.Event()

    def endless(work):
        while True:
            begun.set()
            yield 1

    def refused(work):
        raise ConfigError("no such thing")
        yield

    def broken(work):
        yield 1 / 0

    work = works.begin(endless)
    begun.wait(5)
    work.unwanted.set()
    assert ended(work).state == "stopped"
    assert (ended(works.begin(refused)).state, works.take(2).why) == ("failed", "no such thing")
    assert "a fault of this program, ZeroDivisionError" in ended(works.begin(broken)).why
    assert ended(works.begin(lambda work: [1])).state == "done"
    assert works.take(99) is None
    works.close()
    capsys.readouterr()
