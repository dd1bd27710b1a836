"""The studio itself: the networks and the listener that are asked, what they hear, and what an expert teaches them."""

import contextlib
import functools
import threading
from dataclasses import dataclass, field
from pathlib import Path

from birdclef_mind.data.cache import Cache, open_cache
from birdclef_mind.data.competition import recording_path
from birdclef_mind.errors import BirdclefMindError, ConfigError
from birdclef_mind.explanation.reading import competition_of
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.networks.bundle import require_cache
from birdclef_mind.sound.sound_files import duration_s
from birdclef_mind.storage import files, locks
from birdclef_mind.storage.folder_kinds import kind_of, known_kinds, taken
from birdclef_mind.storage.progress import Say
from birdclef_mind.studio.at_hand import AtHand
from birdclef_mind.studio.blind import BlindTest
from birdclef_mind.studio.ears import Ear, ListenerEar
from birdclef_mind.studio.following import Following
from birdclef_mind.studio.lessons import Lessons
from birdclef_mind.studio.listened import Recording, Recordings
from birdclef_mind.studio.marks import Marks
from birdclef_mind.studio.mind import Mind
from birdclef_mind.studio.moments import Shown
from birdclef_mind.studio.shelf import Shelf
from birdclef_mind.studio.steps import Steps
from birdclef_mind.studio.works import Works

_PATIENCE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a studio is opened on.

    Attributes
    ----------
    bundles : networks, the first of which is taught. work : folder for what is said and made.
    cache : pictures that the first was trained on; None to listen alone. competition : their recordings, None for those
        the cache was made from. listener : a model made elsewhere. overrides : corrections to begin with.
    sounds : further folders, whose recordings may be opened.
    """

    bundles: tuple[Path, ...]
    work: Path
    cache: Path | None = None
    competition: Path | None = None
    listener: Path | None = None
    overrides: Path | None = None
    sounds: tuple[Path, ...] = ()


@dataclass
class Studio:
    """All that is open; `open_studio` makes it.

    Attributes
    ----------
    at_hand : recordings that may be opened by their number. lessons, blind : None without training data.
    training, report : commands in the background. locked : holds the folder, which no other studio may write to.
    """

    minds: tuple[Mind, ...]
    ears: tuple[Ear, ...]
    work: Path
    at_hand: AtHand
    competition: Path | None
    lessons: Lessons | None
    training: Steps
    report: Steps
    locked: contextlib.ExitStack
    shown: Shown = field(default_factory=lambda: Shown(Shelf()))
    works: Works = field(default_factory=Works)

    def __post_init__(self) -> None:
        self.following: dict[int, Following] = {}
        self.recordings = Recordings(self.minds[0].bundle.features.sample_rate_hz, self._begun)
        self.blind = BlindTest(self.lessons) if self.lessons else None
        # Beforehand, since whatever is made of a moment is compared with others.
        self._knowing = threading.Thread(target=self._know, daemon=True)
        self._knowing.start()

    def mind(self, number: int) -> Mind:
        """A network by its place; ConfigError where there is none."""
        if not 0 <= number < len(self.minds):
            raise ConfigError(f"network: expected one of {len(self.minds)}, got number {number}")
        return self.minds[number]

    def follow(self, number: int) -> Following:
        """What is heard in a recording by its number; ConfigError where there is none."""
        self.recordings.take(number)
        return self.following[number]

    def taught(self) -> Lessons:
        """What is taught from; ConfigError where the studio was opened without training data."""
        if self.lessons is None:
            raise ConfigError("expected training data to teach from; begin the studio with --cache")
        return self.lessons

    def close(self) -> None:
        """End all that is under way; what was said is on disk already."""
        self.works.close()
        self.training.close()
        self.report.close()
        self.recordings.close()
        # TensorFlow aborts a process that ends while a thread is at work in it.
        for one in self.following.values():
            one.join()
        self._knowing.join(_PATIENCE_S)
        self.locked.close()

    def resume(self) -> None:
        """Go on with what an earlier studio left at work."""
        self.training.resume()
        self.report.resume()

    def _know(self) -> None:
        for mind in self.minds:
            with contextlib.suppress(BirdclefMindError):
                mind.library()

    def _begun(self, recording: Recording) -> None:
        self.following[recording.number] = Following(recording, self.ears)
        for number in [number for number, one in self.following.items() if one.recording.gone.is_set()]:
            del self.following[number]


def open_studio(opening: Opening, say: Say = lambda line: None) -> Studio:
    """Open all that a studio needs.

    Whatever cannot be opened is refused as the commands refuse it: BundleError, StoreError, ListenerError, TableError,
    ConfigError.
    """
    cache = open_cache(opening.cache) if opening.cache else None
    minds = tuple(Mind(folder, cache) for folder in opening.bundles)
    competition = _competition(opening, cache)
    ears: list[Ear] = [mind.ear for mind in minds]
    if opening.listener is not None:
        ears.append(ListenerEar(open_listener(opening.listener, say=say)))
    folders = [opening.competition or competition, *opening.sounds]
    at_hand = AtHand([folder for folder in folders if folder is not None])
    with contextlib.ExitStack() as stack:
        # Now, so that no word is lost for want of a place to keep it.
        _made(opening.work)
        stack.enter_context(locks.held(opening.work, ConfigError))
        files.remove_parts(opening.work)
        lessons = _lessons(opening, minds[0], cache, competition) if cache is not None else None
        return Studio(
            minds=minds, ears=tuple(ears), work=opening.work, at_hand=at_hand, competition=competition, lessons=lessons,
            training=Steps(opening.work, "training"), report=Steps(opening.work, "report"), locked=stack.pop_all(),
        )  # fmt: skip


def _made(work: Path) -> None:
    if work.exists() and not work.is_dir():
        raise ConfigError(f"work: expected a folder, or nothing yet, found a file at {work}")
    found = kind_of(work)
    if found in known_kinds():
        raise ConfigError(taken(work, "studio", found))
    work.mkdir(parents=True, exist_ok=True)


def _lessons(opening: Opening, mind: Mind, cache: Cache, competition: Path | None) -> Lessons:
    require_cache(mind.bundle, cache)

    @functools.cache
    def length_s(recording: str) -> float | None:
        path = recording_path(competition, recording) if competition else None
        return duration_s(path) if path else None

    return Lessons(mind, cache, Marks(opening.work, cache, opening.overrides, length_s=length_s), competition)


def _competition(opening: Opening, cache: Cache | None) -> Path | None:
    if cache is not None:
        return competition_of(opening.competition, cache)
    if opening.competition is not None and not opening.competition.is_dir():
        raise ConfigError(f"competition: expected a folder with recordings, found none at {opening.competition}")
    return opening.competition
