"""A dress rehearsal of the whole day on Kaggle: real pushes to a stand-in, kernels run as Kaggle would run them."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdclef_mind import files, folders, trees
from birdclef_mind.competition import SAMPLE_SUBMISSION, TEST_SOUNDSCAPES
from birdclef_mind.errors import ConfigError
from birdclef_mind.kaggle_program import Kaggle
from birdclef_mind.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.sample import TRUTH
from birdclef_mind.scoring import score
from birdclef_mind.staging import KERNELS, find_project
from birdclef_mind.stand_in import StandIn

OWNER = "rehearser"
LAYOUTS = ("2026", "2025", "both")
_WRONG_NETWORK = '''"""No kernel has a network: whoever asks for one is told so."""
import socket

def _refuse(self, *_):
    raise OSError("there is no network in a rehearsal")

socket.socket.connect = socket.socket.connect_ex = _refuse
'''


@dataclass(frozen=True, kw_only=True)
class Rehearsing:
    """What is rehearsed.

    Attributes
    ----------
    layout : "2026", "2025" or "both": where inputs are mounted. kernels : those that are pushed, in order.
    hidden : soundscapes of the hidden run; 0 for none. deadline_minutes : of it; None for the kernel's own.
    config : settings in the dataset.
    """

    layout: str = "2026"
    kernels: tuple[str, ...] = KERNELS
    hidden: int = 0
    deadline_minutes: float | None = None
    config: Path | None = None

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ConfigError(f"layout: expected one of {', '.join(LAYOUTS)}, got {self.layout!r}")


class Mounts:
    """Runs kernels in folders laid out as Kaggle mounts them; each in its own process and environment.

    `root` is a folder of its own, new and empty.
    """

    def __init__(self, root: Path, competition: Path, layout: str) -> None:
        self.root, self.competition, self.layout = root, competition, layout
        self.outputs: dict[str, Path] = {}
        self.datasets: Mapping[str, list[dict[str, bytes]]] = {}
        self.environment: dict[str, str] = {}
        self._runs = 0
        self._python = _bare_python(root / "python")

    def run(self, request: Mapping[str, Any]) -> tuple[bool, str, Path]:
        """Run a pushed kernel: (whether it ended well, its log, its output folder)."""
        slug = str(request["slug"])
        self._runs += 1
        # Each run has a folder of its own, so that nothing has to be taken away.
        place = self.root / f"{self._runs:02d}-{slug.partition('/')[2]}"
        inputs, out = place / "input", place / "working"
        for folder in (inputs, out):
            folder.mkdir(parents=True)
        self._mount(inputs, request)
        before = _seal(inputs)
        script = place / "script.py"
        files.write_text(script, str(request["text"]))
        # Nothing of the user's own environment reaches a kernel.
        environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(place), "TMPDIR": str(place),
            "BIRDCLEF_MIND_INPUTS": str(inputs), "PYTHONDONTWRITEBYTECODE": "1", **self.environment,
        }  # fmt: skip
        done = subprocess.run(
            [str(self._python), str(script)],
            cwd=out, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        log = done.stdout
        if _state(inputs) != before:
            return False, log + "\nthe kernel changed its inputs, which Kaggle does not allow", out
        self.outputs[slug] = out
        return done.returncode == 0, log, out

    def _mount(self, inputs: Path, request: Mapping[str, Any]) -> None:
        for source in request.get("competitionDataSources", []):
            for place in self._places(inputs, "competitions", source):
                _link(self.competition, place)
        for source in request.get("datasetDataSources", []):
            for place in self._places(inputs, "datasets", source):
                if source in self.datasets:
                    _unpack_dataset(self.datasets[source][-1], place)
        for source in request.get("kernelDataSources", []):
            for place in self._places(inputs, "notebooks", source):
                if source in self.outputs:
                    shutil.copytree(self.outputs[source], place)

    def _places(self, inputs: Path, kind: str, source: str) -> list[Path]:
        new, old = inputs / kind / source, inputs / source.rpartition("/")[2]
        return {"2026": [new], "2025": [old], "both": [new, old]}[self.layout]


def rehearse(
    competition: Path,
    out: Path,
    rehearsing: Rehearsing = Rehearsing(),
    *,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Push everything to a stand-in with the real `kaggle` program, run the kernels, then the hidden run.

    Returns
    -------
    "submission" : its path; "seconds" : of each kernel; "hidden_s" : of the hidden run, None without one;
    "scores" : against `truth.csv` of the competition where there is one and its rows were asked for.
    """
    # Kernels work in folders of their own, where a relative path would lead elsewhere.
    out = out.resolve()
    with folders.claimed(out, "rehearsal", ConfigError) as ledger, ExitStack() as opened:
        home, kaggle, hidden = (
            opened.enter_context(trees.rebuilt(ledger, name, ConfigError)) for name in ("home", "kaggle", "hidden")
        )
        mounts = Mounts(kaggle, competition.resolve(), rehearsing.layout)
        return _rehearse(competition, out, home, hidden, mounts, rehearsing, say)


def _rehearse(
    competition: Path, out: Path, home: Path, hidden: Path, mounts: Mounts, rehearsing: Rehearsing,
    say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    seconds: dict[str, float] = {}
    with StandIn(mounts.run) as stand_in:
        mounts.datasets = stand_in.datasets
        kaggle = Kaggle(OWNER, stand_in.environment(home, OWNER))
        pushing = Pushing(
            project=find_project(), work=out / "staged", config=rehearsing.config, every_s=0.5, most_s=4 * 3600
        )
        build = push_dataset(kaggle, pushing, say)
        for name in rehearsing.kernels:
            begun = time.monotonic()
            push_kernels(kaggle, pushing, [name], say, build=build)
            seconds[name] = round(time.monotonic() - begun, 1)
            say(f"{name}: {seconds[name]:.1f} s")
        submission = out / "staged" / "submit-output" / "submission.csv"
        truth = competition / TRUTH
        scores = score(submission, truth) if truth.is_file() and submission.is_file() else None
        hidden_s = None
        if rehearsing.hidden:
            request = stand_in.kernels[f"{OWNER}/birdclef-mind-submit"].request
            submission, hidden_s = _hidden_run(mounts, request, rehearsing, hidden, say)
    return {"submission": submission, "seconds": seconds, "hidden_s": hidden_s, "scores": scores}


def _hidden_run(
    mounts: Mounts, request: Mapping[str, Any], rehearsing: Rehearsing, hidden: Path, say: Callable[[str], None]
) -> tuple[Path, float]:
    """The submit kernel alone, over many soundscapes that appear only now: (submission, seconds)."""
    _link(mounts.competition, hidden)
    (hidden / TEST_SOUNDSCAPES).unlink(missing_ok=True)
    _make_soundscapes(mounts.competition, hidden / TEST_SOUNDSCAPES, rehearsing.hidden)
    sample = hidden / SAMPLE_SUBMISSION
    if sample.is_symlink():
        header = sample.read_text(encoding="utf-8").partition("\n")[0]
        sample.unlink()
        names = [f"soundscape_{1000 + number}" for number in range(rehearsing.hidden)]
        zeros = ",0" * header.count(",")
        rows = [f"{name}_{end}{zeros}" for name in names for end in range(5, 605, 5)]
        files.write_text(sample, "\n".join([header, *rows]) + "\n")
    mounts.competition = hidden
    if rehearsing.deadline_minutes is not None:
        mounts.environment["BIRDCLEF_MIND_DEADLINE"] = str(rehearsing.deadline_minutes)
    begun = time.monotonic()
    success, log, folder = mounts.run(request)
    took_s = time.monotonic() - begun
    say(log.strip().splitlines()[-2] if success and len(log.strip().splitlines()) > 1 else log)
    say(f"hidden run of {rehearsing.hidden} soundscapes: {took_s:.1f} s")
    if not success:
        raise ConfigError(f"the hidden run failed: {log.strip()[-300:]}")
    return folder / "submission.csv", round(took_s, 1)


def _make_soundscapes(competition: Path, folder: Path, count: int) -> None:
    """Ten minutes each, laid together from the soundscapes that are there."""
    import numpy as np

    from birdclef_mind.audio import ogg_bytes, read_audio
    from birdclef_mind.competition import list_soundscapes
    from birdclef_mind.config import PRESETS

    rate_hz = PRESETS["mel32"].sample_rate_hz
    folder.mkdir()
    found = list_soundscapes(competition)
    if not found:
        raise ConfigError(f"{competition}: expected soundscapes to make hidden ones of, found none")
    samples = np.concatenate([read_audio(path, rate_hz) for path in found])
    first = folder / "soundscape_1000.ogg"
    first.write_bytes(ogg_bytes(np.resize(samples, 600 * rate_hz), rate_hz))
    for number in range(1, count):
        # One file under many names: what is timed is reading it, not making it.
        os.link(first, folder / f"soundscape_{1000 + number}.ogg")


def _bare_python(folder: Path) -> Path:
    """A Python with every library of this one, but without this package and without a network."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    # Only the folder: what its own `.pth` files add, such as an editable installation, is left out.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (packages / "sitecustomize.py").write_text(_WRONG_NETWORK)
    return folder / "bin" / "python"


def _link(source: Path, place: Path) -> None:
    """A folder whose entries are links to another's, so that nothing large is copied."""
    place.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        (place / path.name).symlink_to(path.resolve(), target_is_directory=path.is_dir())


def _unpack_dataset(content: Mapping[str, bytes], place: Path) -> None:
    """Write a dataset's files; archives are unpacked, as Kaggle does."""
    place.mkdir(parents=True)
    for name, data in content.items():
        stem = name.removesuffix(".gz").rpartition(".")[0]
        if name.endswith(".zip"):
            zipfile.ZipFile(io.BytesIO(data)).extractall(place / stem)
        elif name.endswith((".tar", ".tar.gz")):
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                archive.extractall(place / stem, filter="data")
        else:
            (place / name).write_bytes(data)


def _seal(folder: Path) -> str:
    """Take away the right to write, and remember what is there."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    return _state(folder)


def _state(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
