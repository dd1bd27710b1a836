"""What answers for soundscapes: a network that reads pictures, a head on a listener, or several of them averaged."""

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from birdclef_mind.checks import some_of
from birdclef_mind.data.soundscapes import row_scores
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.kaggle.answer import Answer, Known
from birdclef_mind.kaggle.plan import Planned, Way
from birdclef_mind.listeners.embeddings import Arrays
from birdclef_mind.listeners.head_bundle import HeadBundle, is_head, load_head
from birdclef_mind.listeners.hearing import Hearing, hear_windows
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.networks.bundle import Bundle, load
from birdclef_mind.networks.calibration import Calibration
from birdclef_mind.networks.predictor import Predictor, windows_for_rows
from birdclef_mind.networks.runtime import fastest
from birdclef_mind.sound.audio import read_windows
from birdclef_mind.sound.settings import ROW_S, Windowing
from birdclef_mind.storage.progress import Say


class Answering(Planned, Protocol):
    """Answers for soundscapes; `decode` may be called in several threads, `answer` in one."""

    @property
    def known(self) -> Known:
        """What is known beforehand."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines on how it computes, once it has answered."""

    @property
    def reads(self) -> str:
        """Says what `decode` gives now; whoever says the same takes the same."""

    def ready(self) -> None:
        """Do beforehand what the first answer would wait for, so that it takes no longer than the others."""

    def decode(self, path: Path) -> Any:
        """What `answer` takes, of a sound file; AudioError for one that gives nothing."""

    def answer(self, decoded: Any) -> Answer:
        """Scores of a soundscape."""


class PictureAnswering:
    """A network that reads pictures; when time is short, each row is covered by fewer windows."""

    def __init__(self, bundle: Bundle, shifts: int = 1) -> None:
        self._bundle = bundle
        self.ways = tuple(Way(1, one) for one in range(shifts, 0, -1))
        self.way = self.ways[0]
        self.notes: tuple[str, ...] = ()
        features = bundle.features
        self.known = Known(
            bundle.classes, bundle.priors, bundle.calibration, bundle.record.are,
            f"features {features.fingerprint()}", features.sample_rate_hz, features.windowing.length_s, bundle.habits,
        )  # fmt: skip

    @cached_property
    def _predictor(self) -> Predictor:
        """Compiled when it is wanted, when a valid file stands already."""
        runtime = fastest(self._bundle.members, self._bundle.features)
        self.notes = (runtime.words,)
        return Predictor(self._bundle, runtime.scores)

    def ready(self) -> None:
        """Compile the network."""
        _ = self._predictor

    def decode(self, path: Path) -> Any:
        """Windows as pictures."""
        shifts = self.way.shifts
        return shifts, *windows_for_rows(path, self._bundle, shifts)

    @property
    def reads(self) -> str:
        """Says what `decode` gives: the same for all that read the same pictures."""
        return f"{self._bundle.features.for_rows.fingerprint()} {self.way.shifts}"

    def answer(self, decoded: Any) -> Answer:
        """Scores of pictures."""
        shifts, starts_s, pictures = decoded
        # What was decoded beforehand may be for more shifts than there is time for now.
        every = shifts // self.way.shifts if shifts % self.way.shifts == 0 else 1
        return Answer(starts_s[::every], self._predictor.scores(pictures.pixels[::every]))

    def take(self, way: Way) -> None:
        """Cover each row so often."""
        self.way = way

    def cost(self, way: Way) -> float:
        """As often as rows are covered."""
        return float(way.shifts)


class HeadAnswering:
    """A head on a listener; when time is short, each window is heard at fewer shifts."""

    notes: tuple[str, ...] = ()

    def __init__(self, bundle: HeadBundle, listener: Listener) -> None:
        bundle.heard_by.require(listener)
        self._bundle, self._listener = bundle, listener
        self.ways = tuple(Way(1, one) for one in range(bundle.heard_by.hearing.shifts, 0, -1))
        self.way = self.ways[0]
        self.known = Known(
            bundle.classes, bundle.priors, bundle.calibration, bundle.record.are,
            f"listener {listener.name} {listener.digest}", None, ROW_S,
        )  # fmt: skip

    @property
    def hearing(self) -> Hearing:
        """How windows are heard."""
        return Hearing(windowing=Windowing(length_s=ROW_S, step_s=ROW_S), shifts=self.way.shifts)

    @property
    def reads(self) -> str:
        """As of `PictureAnswering`."""
        return f"{self._listener.digest} {self.way.shifts}"

    def ready(self) -> None:
        """The listener is ready when it is open."""

    def decode(self, path: Path) -> Any:
        """Windows as samples, with as much beyond each as all shifts need."""
        hearing = self.hearing
        return hearing, list(read_windows(path, hearing.cutting(self._listener)))

    def answer(self, decoded: Any) -> Answer:
        """Scores of windows that the listener hears."""
        hearing, windows = decoded
        # What was decoded beforehand holds the sound of fewer shifts too, not that of more.
        hearing = min(hearing, self.hearing, key=lambda one: one.shifts)
        heard = hear_windows(windows, self._listener, hearing, self._bundle.heard_by.match)
        return Answer(heard.starts_s, self._bundle.scores(Arrays(heard.embeddings, heard.opinion)))

    def take(self, way: Way) -> None:
        """Hear each window at so many shifts."""
        self.way = way

    def cost(self, way: Way) -> float:
        """As many as there are shifts."""
        return float(way.shifts)


class Averaged:
    """Several at once: the mean of their chances.

    When time is short the last ones given leave first, then each row is covered less often: at the place made of real
    sounds, shifts add more than further networks do.
    """

    def __init__(self, each: Sequence[Answering]) -> None:
        self._each = tuple(each)
        first = self._each[0].known
        for other in self._each[1:]:
            if others := set(other.known.classes.names) ^ set(first.classes.names):
                raise BundleError(
                    f"expected bundles of the same {len(first.classes)} {first.are}, got one of "
                    f"{len(other.known.classes)}: they differ in {some_of(sorted(others))}"
                )
        self._places = [[one.known.classes.names.index(name) for name in first.classes.names] for one in self._each]
        # Seconds that each takes for a soundscape that it covers once, none before it was measured.
        self._took_s = [0.0] * len(self._each)
        most = max(one.way.shifts for one in self._each)
        fewer = [Way(count, most) for count in range(len(self._each), 0, -1)]
        self.ways = (*fewer, *(Way(1, shifts) for shifts in range(self._each[0].way.shifts - 1, 0, -1)))
        self.way = self.ways[0]
        own = list(zip(self._each, self._places, strict=True))
        count = len(first.classes)
        priors = np.mean([np.array(one.known.priors)[places] for one, places in own], axis=0)
        limits = np.mean([one.known.calibration.limits(count)[places] for one, places in own], axis=0)
        self.known = Known(
            first.classes, priors.tolist(), Calibration("sigmoid", 1.0, tuple(limits.tolist())), first.are,
            "; ".join(one.known.made_of for one in self._each), first.sample_rate_hz, first.length_s, first.habits,
        )  # fmt: skip

    @property
    def notes(self) -> tuple[str, ...]:
        """What each of them says, once."""
        return tuple(dict.fromkeys(line for one in self._each for line in one.notes))

    def ready(self) -> None:
        """Each of them gets ready."""
        for one in self._each:
            one.ready()

    def decode(self, path: Path) -> Any:
        """What each of them takes; it is made once for all that read the same."""
        made: dict[str, Any] = {}
        for one in self._each[: self.way.members]:
            if one.reads not in made:
                made[one.reads] = one.decode(path)
        return [made[one.reads] for one in self._each[: self.way.members]]

    def answer(self, decoded: Any) -> Answer:
        """The mean of what each of them answers for rows of 5 s."""
        found = []
        # What was decoded beforehand may be for more of them, or fewer.
        some = zip(range(self.way.members), self._each, self._places, decoded, strict=False)
        for number, one, places, own in some:
            begun = time.perf_counter()
            answer = one.answer(own)
            took_s, before_s = (time.perf_counter() - begun) / one.way.shifts, self._took_s[number]
            # Mostly what it took before, so that one that something else slowed down does not tell alone.
            self._took_s[number] = 0.8 * before_s + 0.2 * took_s if before_s else took_s
            rows = row_scores(answer.starts_s, answer.scores, one.known.length_s)
            found.append(one.known.calibration.chances(rows)[:, places])
        count = min(map(len, found))
        members = np.stack([rows[:count] for rows in found])
        return Answer(tuple(float(row * ROW_S) for row in range(count)), members.mean(axis=0), members)

    @property
    def reads(self) -> str:
        """As of `PictureAnswering`."""
        return "; ".join(one.reads for one in self._each[: self.way.members])

    def take(self, way: Way) -> None:
        """Ask so many of them, and let each cover rows as often as it can and is asked to."""
        self.way = way
        for one in self._each[: way.members]:
            one.take(self._own(one, way))

    def cost(self, way: Way) -> float:
        """Seconds for a soundscape, as they were measured, of all that are asked; as often as each where none was."""
        own = zip(self._each[: way.members], self._took_s, strict=False)
        return sum((took_s or 1.0) * self._own(one, way).shifts for one, took_s in own)

    @staticmethod
    def _own(one: Answering, way: Way) -> Way:
        return Way(1, min(way.shifts, one.ways[0].shifts))


def open_answering(
    folders: Sequence[Path], model: Path | None, *, shifts: int = 1, say: Say = lambda line: None
) -> Answering:
    """Open bundles, of networks or of heads on the listener at `model`; several are averaged.

    Networks that read pictures cover each row by so many `shifts` of windows.

    BundleError for one that cannot be opened, ConfigError for heads without a listener, a listener without heads, and
    a bundle that is there twice;
    ListenerError for another listener than the one a head was trained with.
    """
    for number, folder in enumerate(folders):
        if folder.resolve() in [earlier.resolve() for earlier in folders[:number]]:
            raise ConfigError(f"{folder}: expected each bundle once, got it again")
    heads = [folder for folder in folders if is_head(folder)]
    if heads and model is None:
        name = load_head(heads[0]).heard_by.name
        raise ConfigError(f"{heads[0]}: is a head on the listener {name}; expected --listener with that model")
    if model is not None and not heads:
        raise ConfigError(f"--listener: expected a bundle that `train --listener` wrote, got {folders[0]}")
    listener = open_listener(model, say=say) if model is not None else None
    each: list[Answering] = []
    for folder in folders:
        if listener is not None and folder in heads:
            each.append(HeadAnswering(load_head(folder), listener))
        else:
            each.append(PictureAnswering(load(folder), shifts))
    return each[0] if len(each) == 1 else Averaged(each)
