"""A dress rehearsal of the whole day on Kaggle: real pushes to a stand-in, kernels run as Kaggle would run them."""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from birdclef_mind.checks import is_number, is_whole, require
from birdclef_mind.data.answers import answers_text, constant_cells
from birdclef_mind.data.competition import list_soundscapes, open_competition
from birdclef_mind.data.form import SAMPLE_SUBMISSION, TEST_SOUNDSCAPES, form_of
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.data.metrics import ByLevel
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.sample_tables import TRUTH
from birdclef_mind.data.scoring import score
from birdclef_mind.errors import AudioError, ConfigError, KaggleError, TableError
from birdclef_mind.kaggle.program import Kaggle
from birdclef_mind.kaggle.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.kaggle.rehearsal_mounts import LOG, Mounts, link
from birdclef_mind.kaggle.staging import DATASET, KERNELS, find_project
from birdclef_mind.kaggle.stand_in import StandIn
from birdclef_mind.sound.settings import PRESETS, ROW_S
from birdclef_mind.storage import files, folders, trees
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.ledger import OWN
from birdclef_mind.storage.progress import Say

OWNER = "rehearser"
LAYOUTS = ("2026", "2025", "both")
_FIRST_HIDDEN = 1000
_STAGED, _SUBMIT = "staged", "submit"


@dataclass(frozen=True, kw_only=True)
class Rehearsing:
    """What is rehearsed.

    Attributes
    ----------
    layout : "2026", "2025" or "both": where inputs are mounted. kernels : those that are pushed, in order.
    hidden : soundscapes of the hidden run; 0 for none. deadline_minutes : of it, > 0; None for the kernel's own.
    config : settings in the dataset, checked; labels : the birds that it asks for, as `choose_labels` takes them.
    model : what its settings listen with on Kaggle; listener : the folder that stands for it here.
    """

    layout: str = "2026"
    kernels: tuple[str, ...] = KERNELS
    hidden: int = 0
    deadline_minutes: float | None = None
    config: Path | None = None
    labels: str | tuple[str, ...] = "all"
    model: str = ""
    listener: Path | None = None

    def __post_init__(self) -> None:
        require(self.layout in LAYOUTS, "layout", f"one of {', '.join(LAYOUTS)}", self.layout)
        for name in self.kernels:
            require(name in KERNELS, "kernels", f"names among {', '.join(KERNELS)}", name)
        require(is_whole(self.hidden) and self.hidden >= 0, "hidden", "a whole number from 0", self.hidden)
        kernel = not self.hidden or _SUBMIT in self.kernels
        require(kernel, "kernels", f"{_SUBMIT} among them for a hidden run", self.kernels)
        minutes = self.deadline_minutes
        require(minutes is None or (is_number(minutes) and minutes > 0), "deadline", "minutes above 0", minutes)
        if bool(self.model) != (self.listener is not None):
            raise ConfigError(
                'listener: expected a model of the settings, listener = "OWNER/MODEL/FRAMEWORK/VARIATION/VERSION", and '
                f"the folder that stands for it here, got {self.model or 'no model'} and {self.listener or 'no folder'}"
            )
        if self.listener is not None and not self.listener.is_dir():
            raise ConfigError(
                f"listener: expected the folder of a model, found {kind_of(self.listener)} at {self.listener}"
            )


@dataclass(frozen=True)
class Rehearsal:
    """What was rehearsed: the last submission, seconds by kernel, and of the hidden run, and the submission's measures.

    `hidden_s` is None without a hidden run, `scores` where the truth is not known.
    """

    submission: Path
    seconds: dict[str, float]
    hidden_s: float | None
    scores: ByLevel | None


def rehearse(
    competition: Path,
    out: Path,
    rehearsing: Rehearsing = Rehearsing(),
    *,
    say: Say = lambda line: None,
) -> Rehearsal:
    """Push everything to a stand-in with the real `kaggle` program, run the kernels, then the hidden run.

    Started again in the same folder it begins anew; only what it wrote there itself is replaced. The submission is
    scored against `truth.csv` of the competition where there is one and its rows were asked for.

    Raises
    ------
    TableError, ConfigError : before anything is written, for a competition or settings that cannot be. ConfigError also
        where no soundscape can be heard of which hidden ones could be made.
    KaggleError : a kernel failed; the message says where its log is.
    """
    # Kernels work in folders of their own, where a relative path would lead elsewhere.
    competition, out = competition.resolve(), out.resolve()
    _check(competition, out, rehearsing)
    with folders.claimed(out, "rehearsal", ConfigError) as ledger, ExitStack() as opened:
        ledger.add({f"{_STAGED}/": OWN})
        home, kaggle, hidden = (
            opened.enter_context(trees.rebuilt(ledger, name, ConfigError)) for name in ("home", "kaggle", "hidden")
        )
        if rehearsing.hidden:
            # First, since what is wrong with sounds should not be found after hours.
            _make_hidden(competition, hidden, rehearsing.hidden)
        mounts = Mounts(kaggle, competition, rehearsing.layout)
        if rehearsing.listener is not None:
            mounts.models[rehearsing.model] = rehearsing.listener.resolve()
        return _rehearse(out, _Homes(home, hidden), mounts, rehearsing, say)


def _check(competition: Path, out: Path, rehearsing: Rehearsing) -> None:
    opened = open_competition(competition)
    if out.is_relative_to(competition):
        raise ConfigError(f"{out}: expected another place than the competition's, which is not written to")
    if rehearsing.deadline_minutes is not None and not rehearsing.hidden:
        raise ConfigError("deadline: expected soundscapes of the hidden run, whose deadline it is; give --hidden N")
    choose_labels(opened.labels, rehearsing.labels)
    if rehearsing.hidden and not list_soundscapes(competition):
        raise ConfigError(f"{competition}: expected soundscapes to make hidden ones of, found none")


class _Homes(NamedTuple):
    """Folders of a rehearsal: the home of the `kaggle` program, and the competition of the hidden run."""

    home: Path
    hidden: Path


def _rehearse(out: Path, homes: _Homes, mounts: Mounts, rehearsing: Rehearsing, say: Say) -> Rehearsal:
    seconds: dict[str, float] = {}
    work = out / _STAGED
    with StandIn(mounts.run) as stand_in:
        mounts.datasets = stand_in.datasets
        kaggle = Kaggle(OWNER, stand_in.environment(homes.home, OWNER))
        pushing = Pushing(
            project=find_project(),
            work=work,
            config=rehearsing.config,
            every_s=0.5,
            most_s=4 * 3600,
            again=True,
            competition=form_of(mounts.competition).slug,
            model=rehearsing.model,
        )
        build = push_dataset(kaggle, pushing, say)
        for name in rehearsing.kernels:
            begun = time.monotonic()
            push_kernels(kaggle, pushing, [name], say, build=build)
            seconds[name] = round(time.monotonic() - begun, 1)
            say(f"{name}: {seconds[name]:.1f} s")
        submission = work / f"{_SUBMIT}-output" / "submission.csv"
        scores = _scores(submission, mounts.competition / TRUTH, say) if _SUBMIT in rehearsing.kernels else None
        hidden_s = None
        if rehearsing.hidden:
            request = stand_in.kernels[f"{OWNER}/{DATASET}-{_SUBMIT}"].request
            submission, hidden_s = _hidden_run(mounts, request, rehearsing, homes.hidden, say)
    return Rehearsal(submission, seconds, hidden_s, scores)


def _scores(submission: Path, truth: Path, say: Say) -> ByLevel | None:
    """Measures of a submission; None, said in a line, where the truth is of other rows."""
    if not truth.is_file() or not submission.is_file():
        return None
    try:
        return score(submission, truth)
    except TableError as error:
        say(f"nothing to score: {error}")
        return None


def _hidden_run(
    mounts: Mounts, request: Mapping[str, Any], rehearsing: Rehearsing, hidden: Path, say: Say
) -> tuple[Path, float]:
    """The submit kernel alone, over many soundscapes that appear only now: (submission, seconds)."""
    mounts.competition = hidden
    if rehearsing.deadline_minutes is not None:
        mounts.environment["BIRDCLEF_MIND_DEADLINE"] = str(rehearsing.deadline_minutes)
    begun = time.monotonic()
    success, log, folder = mounts.run(request)
    took_s = time.monotonic() - begun
    lines = log.strip().splitlines() or ["it printed nothing"]
    if not success or not (folder / "submission.csv").is_file():
        raise KaggleError(f"the hidden run failed: {lines[-1]}; the whole log is in {folder.parent / LOG}")
    say(lines[-2] if len(lines) > 1 else lines[-1])
    say(f"hidden run of {rehearsing.hidden} soundscapes: {took_s:.1f} s")
    return folder / "submission.csv", round(took_s, 1)


def _make_hidden(competition: Path, hidden: Path, count: int) -> None:
    """The competition as the hidden run sees it: other soundscapes, and a sample submission with all their rows."""
    form = form_of(competition)
    link(competition, hidden, without=(TEST_SOUNDSCAPES, SAMPLE_SUBMISSION))
    names = [form.test_name(_FIRST_HIDDEN + number) for number in range(count)]
    _make_soundscapes(competition, hidden / TEST_SOUNDSCAPES, names, form.soundscape_s)
    if not (competition / SAMPLE_SUBMISSION).is_file():
        return
    sample = read_sample_submission(competition / SAMPLE_SUBMISSION)
    cells = constant_cells(sample.rows, sample.labels)
    ends = range(ROW_S, int(form.soundscape_s) + 1, ROW_S)
    windows = [f"{form.row_name(name)}_{end}" for name in names for end in ends]
    text = answers_text(sample.rows, sample.labels, [(window, cells) for window in windows])
    files.write_text(hidden / SAMPLE_SUBMISSION, text)


def _make_soundscapes(competition: Path, folder: Path, names: list[str], length_s: float) -> None:
    """So many seconds each, laid together from the soundscapes that are there and can be heard."""
    import numpy as np

    from birdclef_mind.sound.audio import ogg_bytes, read_audio

    rate_hz = PRESETS["mel32"].sample_rate_hz
    wanted, heard = int(length_s * rate_hz), [np.zeros(0, np.float32)]
    for path in list_soundscapes(competition):
        try:
            heard.append(read_audio(path, rate_hz))
        except AudioError:
            continue
        if sum(sound.size for sound in heard) >= wanted:
            break
    samples = np.concatenate(heard)
    if not samples.size:
        raise ConfigError(f"{competition}: expected a soundscape that can be heard, to make hidden ones of, found none")
    folder.mkdir()
    first = folder / f"{names[0]}.ogg"
    first.write_bytes(ogg_bytes(np.resize(samples, wanted), rate_hz))
    for name in names[1:]:
        _same(first, folder / f"{name}.ogg")


def _same(first: Path, other: Path) -> None:
    """One file under two names: what is timed is reading it, not making it; a copy where a disk knows no such names."""
    try:
        os.link(first, other)
    except OSError:
        shutil.copyfile(first, other)
