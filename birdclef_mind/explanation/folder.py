"""The explanation folder: every fact as JSON, every picture as PNG, every sound that is made as MP3.

OUT/explanation.json        all facts; written last, so a folder with it is complete
OUT/pictures/*.png          8-bit grey, low frequencies at the bottom
OUT/sounds/*.mp3            what each picture sounds like, and the real sounds
OUT/recordings/*            whole training recordings, as they are, or as MP3 where some browsers would not play them
OUT/patches/*.png, *.npy    filter patches as contact sheets and as arrays
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.data.strips import grey_png
from birdclef_mind.errors import BirdclefMindError, BundleError
from birdclef_mind.sound import audio, playable
from birdclef_mind.sound.pictures import Pictures, PixelScale, levels_to_pixels, pictures_to_samples, samples_to_levels
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage import files, folder_kinds, folders
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Track, untracked

FACTS = folder_kinds.EXPLANATION
REPORT = "report.html"
COMPARISON_PAGE = "compare.html"
FORMAT = 4
# What a layer keeps differs from the input by far more than these leave.
QUICK_ROUNDS = 8
PARTS = ("pictures", "sounds", "patches", "recordings")
PHASE = "The phase of this sound is invented: pictures hold none. Original phase is heard only where it is said."


class Folder:
    """An explanation folder being written; sounds of pictures are made beside other work.

    As a context manager it drops at its end the sounds that nobody waits for, as when something goes wrong.
    """

    def __init__(self, root: Path, features: Features) -> None:
        self.root, self.features = root, features
        self.threads = os.cpu_count() or 1
        self._digests: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(self.threads)
        self._asked: list[Future[tuple[str, float]]] = []
        self._written: list[Future[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def picture(self, name: str, pixels: Pixels) -> str:
        """Write a picture, pixels (rows, frames), 0–255, row 0 lowest; its path in the folder."""
        whole = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        self._write(f"pictures/{name}.png", grey_png(whole))
        return f"pictures/{name}.png"

    def sheet(self, name: str, sheet: Array, patches: Array) -> tuple[str, str]:
        """Write filter patches as a contact sheet and as an array; their paths in the folder.

        Parameters
        ----------
        sheet : (rows, columns), uint8. patches : (height, width, filters).
        """
        buffer = io.BytesIO()
        np.save(buffer, patches.astype(np.float32), allow_pickle=False)
        self._write(f"patches/{name}.png", grey_png(sheet))
        self._write(f"patches/{name}.npy", buffer.getvalue())
        return f"patches/{name}.png", f"patches/{name}.npy"

    def sound(self, name: str, samples: Array) -> str:
        """Write a sound, its samples (n,), beside other work; the path it has in a whole folder."""
        self._written.append(self._pool.submit(self._write_sound, name, samples))
        return f"sounds/{name}.mp3"

    def recording(self, name: str, source: Path) -> str:
        """Put in a whole recording, as it is where browsers play that; its path in the folder.

        Its ending tells what it holds, whatever the recording's own ending. AudioError when it cannot be read.
        """
        path = f"recordings/{name}{playable.browser_suffix(source) or '.mp3'}"
        with files.whole(self.root / path) as part:
            playable.put(source, part)
        self._digests[path] = files.sha256(self.root / path)
        return path

    def sound_later(self, name: str, pixels: Pixels, low: float, width: float, *, rounds: int = QUICK_ROUNDS) -> str:
        """Ask for the sound of pixels (rows, frames), read with a scale; the path it has once `sounds_made` returns."""
        asked: tuple[Any, ...] = (name, np.array(pixels, np.float32), low, width, rounds)
        self._asked.append(self._pool.submit(self._make_sound, *asked))
        return f"sounds/{name}.mp3"

    def sounds_made(self, track: Track = untracked) -> dict[str, float]:
        """Wait for all sounds that were asked for; the error of each by path.

        The error is the root mean square difference, in steps of 0–255, of the picture and the rebuilt sound's own.
        """
        asked, self._asked = self._asked, []
        self._wait()
        return dict(future.result() for future in track(asked, len(asked), "sounds"))

    def _make_sound(self, name: str, pixels: Pixels, low: float, width: float, rounds: int) -> tuple[str, float]:
        scale = PixelScale(np.array([low], np.float32), np.array([width], np.float32))
        sounds = pictures_to_samples(Pictures(pixels[None], scale), self.features, rounds=rounds)
        (error,) = sound_errors(pixels[None], scale, sounds, self.features)
        return self._write_sound(name, sounds[0]), float(error)

    def _wait(self) -> None:
        """Until every sound that was put in is written; what went wrong is raised."""
        written, self._written = self._written, []
        for future in written:
            future.result()

    def _write_sound(self, name: str, samples: Array) -> str:
        path = f"sounds/{name}.mp3"
        self._write(path, audio.mp3_bytes(samples, self.features.sample_rate_hz))
        return path

    def finish(self, facts: Mapping[str, Any], name: str = FACTS) -> None:
        """Write the facts and the digest of every file, which makes the folder complete."""
        self._wait()
        files.write_facts(self.root / name, {**facts, "files": dict(sorted(self._digests.items()))}, FORMAT)

    def _write(self, name: str, content: bytes) -> None:
        with files.whole(self.root / name) as part:
            part.write_bytes(content)
        self._digests[name] = hashlib.sha256(content).hexdigest()


def check_files(root: Path, facts: dict[str, Any]) -> None:
    """Raise BundleError for a folder one of whose files is missing or was changed since `Folder.finish`."""
    for name, digest in facts["files"].items():
        if Path(name).parent.as_posix() not in PARTS:
            raise BundleError(f"{root}: expected files in {', '.join(PARTS)} alone, got {name!r}")
        if not (root / name).is_file() or files.sha256(root / name) != digest:
            raise BundleError(f"{root / name}: is missing or was changed since it was written; run `explain` again")


def check_folder(root: Path, bundle_sha256: str) -> None:
    """Raise BundleError for a folder that holds the explanation of another bundle."""
    held = root / FACTS
    if held.is_file() and _bundle_of(held) != bundle_sha256:
        raise BundleError(f"{root}: holds the explanation of another bundle; give a new folder, or remove this one")


@contextmanager
def renewed(
    ledger: Ledger, features: Features, last: str = FACTS, *, keep: Callable[[str], bool] = lambda name: False
) -> Iterator[Folder]:
    """Begin an explanation in a folder that is claimed; what stood there gives way when the new one is whole.

    What `keep` is true of by its name stays beside the new one.
    """
    with folders.renewed(ledger, last=last, keep=keep, pages=(REPORT,)) as stage, Folder(stage, features) as folder:
        yield folder


def claimed(root: Path, kind: str, error: type[BirdclefMindError]) -> AbstractContextManager[Ledger]:
    """Hold an explanation's or a comparison's folder to write to; `error` where that cannot be."""
    return folders.claimed(root, kind, error, adopt=_own_files)


def refuse_unfit(root: Path, kind: str, error: type[BirdclefMindError]) -> None:
    """Raise `error` for a folder that `claimed` would refuse, before anything is computed for it."""
    folders.refuse_unfit(root, kind, error, _own_files)


def _own_files(root: Path) -> list[str]:
    """Files of a folder without a ledger, such as one that was copied: its facts list them."""
    own: list[str] = []
    pages = {FACTS: REPORT, folder_kinds.AUDIT: REPORT, folder_kinds.COMPARISON: COMPARISON_PAGE}
    for name, page in pages.items():
        if files.is_sealed(root / name):
            listed = json.loads((root / name).read_text(encoding="utf-8")).get("files", {})
            own += [name, *(path for path in listed if Path(path).parent.as_posix() in PARTS)]
            own += [page] if (root / page).is_file() else []
    return own


def sound_errors(pixels: Pixels, scale: PixelScale, sounds: Array, features: Features) -> Array:
    """Mel re-analysis: root mean square difference of each picture and its sound's, on the picture's own scale, (n,).

    Parameters
    ----------
    pixels : (n, rows, frames). sounds : (n, segment_samples).
    """
    again = levels_to_pixels(samples_to_levels(sounds, features), scale).astype(np.float32)
    return np.sqrt(np.square(again - np.clip(pixels, 0, 255)).mean(axis=(1, 2)))


def safe_names(count: int, kind: str) -> Sequence[str]:
    """File names that hold nothing a stranger wrote: `example-01`."""
    return [f"{kind}-{number:02d}" for number in range(1, count + 1)]


def _bundle_of(facts: Path) -> str:
    try:
        return str(json.loads(facts.read_text(encoding="utf-8"))["bundle"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
