"""The page that the benchmark writes: what was run, on which machine, and a row a measurement."""

import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("birdclef_mind", "numpy", "scipy", "soundfile", "keras", "tensorflow", "librosa")
WORDS = """\
Each row is one piece of work. The *ratio* divides its time by that of its *limit*, which was measured beside it in
the same run: what it cannot go below, such as decoding alone, or another way to do the same, such as loops. A ratio
below 1 is faster than its limit. Times depend on the machine and on what else runs there; ratios do so less."""


def page(rows, command, recordings):
    """Markdown of some rows; `command` made them from so many recordings."""
    lines = [
        "# Measurements",
        "",
        f"This page is written by a program, not by hand: `{command}`, on {date.today():%d %B %Y}. `COMPETITION` was a "
        f"folder with {recordings} real recordings.",
        "",
        WORDS,
        "",
        "## The machine",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in machine().items()),
        "",
        "## What was measured",
        "",
        "| work | time | ratio | limit | peak memory |",
        "| --- | ---: | ---: | --- | ---: |",
        *map(line, rows),
    ]
    return "\n".join(lines) + "\n"


def line(row):
    """A row of the table."""
    return f"| {row.work} | {spoken(row.seconds)} | {ratio(row)} | {row.beside or '–'} | {memory(row)} |"


def machine():
    """Facts of this machine that times depend on."""
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def processor():
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def spoken(seconds):
    """Seconds with three digits, in the unit that fits."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def ratio(row):
    return f"{row.ratio:.3g}" if row.ratio else "–"


def memory(row):
    return f"{row.megabytes:.0f} MB" if row.megabytes else "–"


def command_of(arguments, competition):
    """The command as anybody would give it: the competition's folder by its part, not by its path."""
    words = ["COMPETITION" if word == str(competition) else word for word in arguments]
    return " ".join(["python scripts/benchmark.py", *words])


def write(place, rows, competition, recordings):
    """Write the page; a file that stands there is replaced only by a whole one."""
    part = place.with_name(f".{place.name}.part")
    part.write_text(page(rows, command_of(sys.argv[1:], competition), recordings), encoding="utf-8")
    part.replace(place)
