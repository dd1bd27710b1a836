"""What is sent to Kaggle, made in clean folders: the dataset with the package, and kernels with names filled in."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdclef_mind.errors import KaggleError
from birdclef_mind.storage import files, folders, trees
from birdclef_mind.storage.ledger import Ledger

DATASET, DATASET_FOLDER = "birdclef-mind", "dataset"
BUILD_FILE, CONFIG_FILE = "build.json", "config.toml"
KERNELS = ("cache-images", "train", "submit", "explain")
_DATASET_METADATA, _KERNEL_METADATA = "dataset-metadata.json", "kernel-metadata.json"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{2,}")
_OWNER, _UNSTAMPED = "OWNER", 'BUILD = "unstamped"'
_PARTS_OF_PACKAGE = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def find_project() -> Path:
    """The checkout that this package runs from; KaggleError when it was installed without one."""
    project = Path(__file__).resolve().parents[2]
    if not (project / "kernels" / KERNELS[0] / _KERNEL_METADATA).is_file():
        raise KaggleError(f"expected to run from a checkout of the project with kernels/ in it, got {project}")
    return project


def build_id(project: Path, config: Path | None) -> str:
    """Twelve hexadecimal digits that differ whenever the package or the settings differ."""
    digest = hashlib.sha256()
    for path in _sources(project):
        digest.update(f"{path.relative_to(project).as_posix()}\0".encode() + path.read_bytes())
    digest.update(config.read_bytes() if config else b"")
    return digest.hexdigest()[:12]


def claimed(work: Path) -> AbstractContextManager[Ledger]:
    """Hold the folder for what is staged and fetched; KaggleError where another push is at work in it."""
    return folders.claimed(work, "staging", KaggleError, shared=True)


def stage_dataset(
    project: Path, work: Ledger, owner: str, config: Path | None = None, *, wheels: Sequence[Path] = ()
) -> str:
    """Write the dataset's folder below a claimed one, new and clean: wheel, settings, build; the build's id.

    `wheels` of other libraries travel along. KaggleError where no wheel comes of the checkout, and for others that are
    none, or this program's own.
    """
    for path in wheels:
        if path.suffix != ".whl" or path.name.startswith("birdclef_mind"):
            raise KaggleError(f"--wheel: expected another library's wheel, a file that ends in .whl, got {path}")
    build = build_id(project, config)
    with trees.rebuilt(work, DATASET_FOLDER, KaggleError) as out:
        _build_wheel(project, out)
        for path in wheels:
            shutil.copyfile(path, out / path.name)
        files.write_text(out / CONFIG_FILE, config.read_text(encoding="utf-8-sig") if config else 'labels = "all"\n')
        files.write_json(out / BUILD_FILE, {"build": build})
        metadata = {"id": f"{owner}/{DATASET}", "title": DATASET, "licenses": [{"name": "other"}]}
        files.write_json(out / _DATASET_METADATA, metadata)
    return build


@dataclass(frozen=True)
class Sources:
    """What kernels read on Kaggle: the competition, "" for the one that their files name, and a model, "" for none."""

    competition: str = ""
    model: str = ""


NO_SOURCES = Sources()


def stage_kernel(
    project: Path, name: str, work: Ledger, owner: str, build: str, *, sources: Sources = NO_SOURCES
) -> str:
    """Write a kernel's folder below a claimed one, owner, build and sources filled in; gives "owner/slug".

    KaggleError for a name that is no kernel's, for metadata that `check_kernel` refuses, and for code without the line
    that the build is put in.
    """
    if name not in KERNELS:
        raise KaggleError(f"kernel: expected one of {', '.join(KERNELS)}, got {name!r}")
    source = project / "kernels" / name
    text = (source / _KERNEL_METADATA).read_text(encoding="utf-8").replace(f'"{_OWNER}/', f'"{owner}/')
    metadata = json.loads(text)
    code = (source / metadata["code_file"]).read_text(encoding="utf-8")
    if sources.competition:
        metadata["competition_sources"] = [sources.competition]
    if sources.model:
        metadata["model_sources"] = [sources.model]
    check_kernel(metadata, f"{owner}/{DATASET}")
    if code.count(_UNSTAMPED) != 1:
        raise KaggleError(f"{source / metadata['code_file']}: expected the line {_UNSTAMPED} once")
    with trees.rebuilt(work, name, KaggleError) as out:
        files.write_text(out / metadata["code_file"], code.replace(_UNSTAMPED, f'BUILD = "{build}"'))
        files.write_json(out / _KERNEL_METADATA, metadata)
    return str(metadata["id"])


def check_kernel(metadata: Mapping[str, Any], dataset: str) -> None:
    """Refuse metadata that Kaggle would take and misunderstand; KaggleError says which entry."""
    owner, _, slug = str(metadata["id"]).partition("/")
    wanted = re.sub(r"[^a-z0-9]+", "-", str(metadata["title"]).lower()).strip("-")
    checks = [
        ("id", bool(re.fullmatch(r"[a-z0-9-]{5,50}", slug)), "5 to 50 small letters, digits and dashes after OWNER/"),
        ("id", metadata["id"] != dataset, f"another name than the dataset's, {dataset}"),
        ("id", bool(re.fullmatch(r"[A-Za-z0-9-]{2,}", owner)), "a user's name before the slash"),
        ("title", wanted == slug, f"words that give the slug {slug}"),
        ("enable_internet", metadata.get("enable_internet") is False, "false, written out"),
        ("dataset_sources", dataset in metadata["dataset_sources"], f"{dataset} among them"),
        (
            "competition_sources",
            bool(metadata["competition_sources"]) and all(map(_SLUG.fullmatch, metadata["competition_sources"])),
            "the competition's name as in its address, such as birdclef-2026",
        ),
        ("kernel_sources", metadata["id"] not in metadata["kernel_sources"], "other kernels than itself"),
        (
            "kernel_sources",
            set(metadata["kernel_sources"]) <= {f"{owner}/{DATASET}-{name}" for name in KERNELS},
            f"kernels of this project, {owner}/{DATASET}-…",
        ),
    ]
    for name, holds, expected in checks:
        if not holds:
            raise KaggleError(f"{_KERNEL_METADATA}, {name}: expected {expected}, got {metadata.get(name)!r}")


def _sources(project: Path) -> list[Path]:
    """All that the wheel is built from: whatever the package holds, so that no new kind of file is forgotten."""
    package = sorted(
        path for path in (project / "birdclef_mind").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return [*(project / name for name in _PARTS_OF_PACKAGE), *package]


def _build_wheel(project: Path, out: Path) -> None:
    """A wheel of a clean copy, so that nothing of an earlier build or of the tests is in it."""
    with tempfile.TemporaryDirectory() as folder:
        for path in _sources(project):
            copy = Path(folder) / path.relative_to(project)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        command = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        made = subprocess.run(
            [*command, "--wheel-dir", str(out), folder], capture_output=True, encoding="utf-8", errors="replace",
            check=False,
        )  # fmt: skip
    if made.returncode or not list(out.glob("*.whl")):
        words = (made.stderr or made.stdout).strip().splitlines() or ["nothing"]
        raise KaggleError(
            f"pip wheel: expected a wheel of {project}, got {words[-1]!r}; {sys.executable} needs pip and setuptools"
        )
