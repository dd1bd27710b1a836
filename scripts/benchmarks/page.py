"""The page that the benchmark writes: what was run, on which machine, and a row a measurement."""

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

# What `scripts/minds.py` writes.
MINDS = "## Minds"
# What `scripts/planted.py` writes.
PLANTED = "## Planted causes"
# What `scripts/spoiled.py` writes.
SPOILED = "## Spoiled data"
# What `scripts/ending.py` writes.
ENDING = "## At the end"
# What `scripts/teaching.py` writes.
TEACHING = "## Soundscapes teach"
# How the titles end of parts that were measured alone, which are all in the whole page.
ALONE = ", measured alone"
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
        *table(rows),
    ]
    return "\n".join(lines) + "\n"


def part(name, rows, command, recordings):
    """A section of the page, for a part that was measured alone."""
    lines = [
        heading(name),
        "",
        f"By `{command}`, on {date.today():%d %B %Y}, on a machine with {os.cpu_count()} cores; `COMPETITION` was a "
        f"folder with {recordings} real recordings.",
        "",
        *table(rows),
    ]
    return "\n".join(lines) + "\n"


def heading(name):
    return f"## {name.capitalize()}{ALONE}"


def table(rows):
    """Lines of Markdown, one a row below the names of columns."""
    return [
        "| work | time | ratio | limit | peak memory |",
        "| --- | ---: | ---: | --- | ---: |",
        *map(line, rows),
    ]


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


def command_of(arguments, names):
    """The command as anybody would give it: each path in `names` by its part in it."""
    return " ".join(["python scripts/benchmark.py", *(names.get(word, word) for word in arguments)])


def write(place, text):
    """Write the page; a file that stands there is replaced only by a whole one."""
    own = place.with_name(f".{place.name}.part")
    own.write_text(text, encoding="utf-8")
    own.replace(place)


def write_section(place, title, text):
    """Write a section into the page that stands there, at its end or in the place of that section."""
    before, found, after = place.read_text(encoding="utf-8").partition(f"{title}\n")
    _, other, rest = after.partition("\n## ")
    sections = [before.rstrip("\n"), text.rstrip("\n"), *([f"## {rest}".rstrip("\n")] if found and other else [])]
    write(place, "\n\n".join(sections) + "\n")


def with_others(place, text):
    """The page anew, with the sections of the one that stands there which this program does not write."""
    old = place.read_text(encoding="utf-8").split("\n## ")[1:] if place.is_file() else []
    own = {section.partition("\n")[0] for section in text.split("\n## ")}
    titles = {section.partition("\n")[0]: section for section in old}
    kept = [f"## {one}" for title, one in titles.items() if title not in own and not title.endswith(ALONE)]
    return "\n\n".join(one.rstrip("\n") for one in [text, *kept]) + "\n"
