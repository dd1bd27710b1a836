"""Where a rehearsal runs kernels: folders as Kaggle mounts them, a process for each run, and no network."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from birdclef_mind.errors import ConfigError
from birdclef_mind.storage import files

LOG = "log.txt"
_WRONG_NETWORK = '''"""No kernel has a network: whoever asks for one is told so."""
import socket

def _refuse(self, *_):
    raise OSError("there is no network in a rehearsal")

socket.socket.connect = socket.socket.connect_ex = _refuse
'''


class Mounts:
    """Runs kernels in folders laid out as Kaggle mounts them; each in its own process and environment.

    `root` is a folder of its own, new and empty.
    """

    def __init__(self, root: Path, competition: Path, layout: str) -> None:
        self.root, self.competition, self.layout = root, competition, layout
        self.outputs: dict[str, Path] = {}
        # By their addresses on Kaggle, each a folder.
        self.models: dict[str, Path] = {}
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
        try:
            done = subprocess.run(
                [str(self._python), str(script)],
                cwd=out, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            changed = _state(inputs) != before
        finally:
            _unseal(inputs)
        log = done.stdout.decode("utf-8", "replace")
        if changed:
            log += "\nthe kernel changed its inputs, which Kaggle does not allow"
        files.write_text(place / LOG, log)
        success = done.returncode == 0 and not changed
        if success:
            self.outputs[slug] = out
        return success, log, out

    def _mount(self, inputs: Path, request: Mapping[str, Any]) -> None:
        for source in request.get("competitionDataSources", []):
            for place in self._places(inputs, "competitions", source):
                link(self.competition, place)
        for source in request.get("datasetDataSources", []):
            for place in self._places(inputs, "datasets", source):
                if source in self.datasets:
                    _unpack_dataset(self.datasets[source][-1], place)
        for source in request.get("kernelDataSources", []):
            for place in self._places(inputs, "notebooks", source):
                if source in self.outputs:
                    shutil.copytree(self.outputs[source], place)

        for source in request.get("modelDataSources", []):
            # The owner is left out in the older layout.
            for place in self._places(inputs, "models", source, source.partition("/")[2]):
                if source in self.models:
                    link(self.models[source], place)

    def _places(self, inputs: Path, kind: str, source: str, before: str = "") -> list[Path]:
        new, old = inputs / kind / source, inputs / (before or source.rpartition("/")[2])
        return {"2026": [new], "2025": [old], "both": [new, old]}[self.layout]


def _bare_python(folder: Path) -> Path:
    """A Python with every library of this one, but without this package and without a network."""
    made = subprocess.run(
        [sys.executable, "-P", "-m", "venv", "--without-pip", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        words = (made.stdout + made.stderr).strip().splitlines() or ["nothing"]
        raise ConfigError(f"{sys.executable} -m venv: expected an environment in {folder}, got {words[-1]!r}")
    packages = next(folder.glob("lib/python*/site-packages"))
    # Only the folders: what their own `.pth` files add, such as an editable installation, is left out.
    places = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "libraries.pth").write_text("".join(f"{place}\n" for place in places), encoding="utf-8")
    (packages / "sitecustomize.py").write_text(_WRONG_NETWORK)
    return folder / "bin" / "python"


def link(source: Path, place: Path, *, without: Collection[str] = ()) -> None:
    """Make a folder whose entries are links to another's, so that nothing large is copied."""
    place.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.name not in without:
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
                # The first releases of Python 3.11 know no filters; what is unpacked was packed on this machine.
                options: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                archive.extractall(place / stem, **options)
        else:
            (place / name).write_bytes(data)


def _seal(folder: Path) -> str:
    """Take away the right to write, and remember what is there."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    return _state(folder)


def _unseal(folder: Path) -> None:
    """Give the right to write back, so that whoever owns the folder can remove it."""
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o755)


def _state(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
