"""What the benchmarks share: a row of the table, and how time and memory are taken."""

import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table: what was done, seconds, the ratio to `beside`, and peak memory where it was taken."""

    work: str
    seconds: float
    ratio: float | None = None
    beside: str = ""
    megabytes: float | None = None


def timed(work, rounds=3):
    """Median seconds of some rounds after one that warms up."""
    work()
    return statistics.median(seconds(work) for _ in range(rounds))


def by_turns(*works, rounds=5):
    """Least seconds of each, by turns, so that what else runs here slows all alike."""
    for work in works:
        work()
    found = [[seconds(work) for work in works] for _ in range(rounds)]
    return [min(own) for own in zip(*found, strict=True)]


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def apart(module, *arguments):
    """Run `measure(*arguments)` of a benchmark module in a process of its own: (seconds, peak megabytes)."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import importlib; from timing import report;"
        "report(importlib.import_module(sys.argv[2]).measure, json.loads(sys.argv[3]))"
    )
    folder = __file__.rsplit("/", 1)[0]
    command = [sys.executable, "-c", code, folder, module, json.dumps(arguments)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return found["seconds"], found["megabytes"]


def report(measure, arguments):
    """Call and print what `apart` reads; the peak is this process's own, not what it inherits from its parent."""
    took = measure(*arguments)
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    print(json.dumps({"seconds": took, "megabytes": peak}))
