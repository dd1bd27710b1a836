"""A run in several processes of which each grows, as one does that loads a model: what was done is printed."""

import time

from birdclef_mind.storage import workers

HELD = []


def hold(number):
    """Take memory and keep it, for as long as it takes to be found out."""
    HELD.append(b"x" * 250_000_000)
    time.sleep(0.6)
    return number


def run():
    """Print the numbers of all tasks; of a module by its name, since what is sent by its code forgets what it held."""
    workers._BATCH = 1
    print(sorted(workers.run_all(hold, [(number,) for number in range(10)], 2)))
