"""Kill a command with -9 at random moments and start it again: `python killing.py WORDS.json`, a report on stdout.

A process of its own imports what a command needs once; every run is a fork of it, so that moments fall into the work
and not into imports. {home} in the words is a folder: `whole` for the run that nobody disturbs, `killed` for the others.
"""

import io
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import soundfile
from PIL import Image
from small_network import few_steps, know_small

from birdclef_mind.commands.surroundings import import_tensorflow_quietly

PARSERS = {
    ".png": lambda content: Image.open(content).verify(),
    ".json": json.load,
    ".npz": lambda content: [array.size for array in np.load(content, allow_pickle=False).values()],
    ".npy": lambda content: np.load(content, allow_pickle=False),
    ".h5": lambda content: h5py.File(content)["/"].visititems(lambda name, item: getattr(item, "shape", ()) and item[()]),
    ".mp3": soundfile.read,
    ".ogg": soundfile.read,
    ".csv": lambda content: content.read()[-1:].index(b"\n"),
    ".html": lambda content: content.read().rindex(b"</html>"),
}  # fmt: skip


def visible(home):
    """Every file under a final name, but for logs, which grow while they are written."""
    paths = (path for path in home.rglob("*") if path.is_file())
    return [path for path in paths if not path.name.startswith(".part-") and "logs" not in path.parts]


def tree(home):
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in visible(home)}


def half_files(home):
    """Files that are not what their name says."""
    found = []
    for path in visible(home):
        try:
            PARSERS.get(path.suffix, lambda content: None)(io.BytesIO(path.read_bytes()))
        except Exception as error:
            found.append(f"{path.relative_to(home)}: {error!r}")
    return found


class Killing:
    def __init__(self, spec):
        self.words, self.template, self.root = spec["words"], spec["template"], Path(spec["root"])
        self.chance = random.Random(spec["seed"])

    def fresh(self, name):
        home = self.root / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        if self.template:
            shutil.copytree(self.template, home / "bundle")
        return home

    def start(self, home):
        child = os.fork()
        if child:
            return child
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2) if not os.environ.get("SHOW") else ():
            os.dup2(nowhere, stream)
        from birdclef_mind.commands.cli import main

        os._exit(main([word.replace("{home}", str(home)) for word in self.words]))

    def run(self, home, seconds=None):
        """Run to the end, or kill after some seconds: the exit status, or None where it was killed."""
        child, started = self.start(home), time.monotonic()
        while seconds is None or time.monotonic() - started < seconds:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def report(self, kills):
        whole = self.fresh("whole")
        started = time.monotonic()
        statuses = [self.run(whole)]
        lasts_s = time.monotonic() - started
        expected, half, differences, done = tree(whole), [], [], 0
        home = self.fresh("killed")
        while done < kills:
            status = self.run(home, self.chance.uniform(0, lasts_s))
            half += half_files(home)
            done += status is None
            if status is not None:
                statuses.append(status)
                differences += self.compare(home, expected)
                home = self.fresh("killed")
        statuses.append(self.run(home))
        differences += self.compare(home, expected)
        return {"kills": done, "statuses": statuses, "half": half, "differences": differences, "seconds": lasts_s}

    def compare(self, home, expected):
        found = tree(home)
        return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def main():
    spec = json.loads(Path(sys.argv[1]).read_text())
    if spec["imports"]:
        import_tensorflow_quietly()
        know_small()
    for name in spec["imports"]:
        __import__(name)
    if "birdclef_mind.explanation.explain" in sys.modules:
        # As in the tests' own process: the same files come in the same order, with less to compute between them.
        few_steps()
    print(json.dumps(Killing(spec).report(spec["kills"])))


if __name__ == "__main__":
    main()
