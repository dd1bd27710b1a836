"""Settings of sound: how a recording is cut, and how a segment becomes a picture; with all that follows from them."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require, table_of
from birdclef_mind.errors import ConfigError

# Raised when the same settings begin to give other pictures, so that old caches are redone.
FEATURES_VERSION = 2
# Beyond these a picture says nothing, and takes all memory.
_LONGEST_WINDOW_S, _LARGEST_FFT = 600, 2**17
# Segments that hold the same moment.
_MOST_AT_ONCE = 500
KINDS = ("mel", "logmel", "mfcc")
# Seconds that a row of a submission stands for, whatever a network's windows are.
ROW_S = 5


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How a recording is cut into segments.

    Attributes
    ----------
    length_s : seconds in a segment, > 0.
    step_s : seconds from one start to the next, in [length_s / 500, length_s].
    shortest_tail_s : a last segment that would add less sound than this is left out, unless it is all there is.
    """

    length_s: float = 5.0
    step_s: float = 5.0
    shortest_tail_s: float = 0.5

    def __post_init__(self) -> None:
        require(
            is_number(self.length_s) and 0 < self.length_s <= _LONGEST_WINDOW_S,
            "length_s",
            f"seconds above 0 and at most {_LONGEST_WINDOW_S}",
            self.length_s,
        )
        require(
            is_number(self.step_s) and self.length_s / _MOST_AT_ONCE <= self.step_s <= self.length_s,
            "step_s",
            f"seconds from {self.length_s / _MOST_AT_ONCE:g} to {self.length_s}",
            self.step_s,
        )
        require(
            is_number(self.shortest_tail_s) and 0 <= self.shortest_tail_s <= self.length_s,
            "shortest_tail_s",
            f"seconds from 0 to {self.length_s}",
            self.shortest_tail_s,
        )

    def starts_s(self, duration_s: float) -> list[float]:
        """Start of every segment of a recording; there is always at least one, and no short tail.

        >>> Windowing().starts_s(12.0), Windowing().starts_s(10.4), Windowing().starts_s(0.2)
        ([0.0, 5.0, 10.0], [0.0, 5.0], [0.0])
        """
        return [self.start_s(segment) for segment in range(self.count(duration_s))]

    def count(self, duration_s: float) -> int:
        """How many segments a recording has."""
        beyond_first_s = duration_s - self.length_s - self.shortest_tail_s
        return 1 + max(0, math.floor(beyond_first_s / self.step_s + 1e-9) + 1)

    def start_s(self, segment: int) -> float:
        """Regular start of a segment, wherever somebody may have moved it."""
        return segment * self.step_s


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """At which rate a recording is cut into segments, whatever becomes of them.

    Attributes
    ----------
    reach_s : seconds of sound in each, where what hears it wants more than the segment; 0 for the segment's own.
    """

    sample_rate_hz: int
    windowing: Windowing = field(default_factory=Windowing)
    reach_s: float = 0.0

    @property
    def segment_samples(self) -> int:
        """Samples in a segment."""
        return round((self.reach_s or self.windowing.length_s) * self.sample_rate_hz)

    @property
    def step_samples(self) -> int:
        """Samples from one segment's start to the next."""
        return round(self.windowing.step_s * self.sample_rate_hz)


@dataclass(frozen=True, kw_only=True)
class Features:
    """How a segment of sound becomes an 8-bit picture of `rows` × `frames`.

    Attributes
    ----------
    kind : "mel" (linear, 0–255 is the segment's own minimum to maximum), "logmel" (decibels over a fixed window
        `range_db` below the segment's own peak) or "mfcc" (minimum to maximum).
    n_mels : mel bands. n_coeffs : cepstral coefficients kept, only for "mfcc".
    power : exponent of the magnitude before the mel bands are summed.
    fmin_hz, fmax_hz : lowest and highest edge of the mel bands.
    """

    kind: str
    n_mels: int
    n_coeffs: int = 0
    power: float = 1.0
    fmin_hz: float = 0.0
    fmax_hz: float = 16_000.0
    range_db: float = 80.0
    sample_rate_hz: int = 32_000
    n_fft: int = 2048
    hop_samples: int = 512
    windowing: Windowing = field(default_factory=Windowing)

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "kind", f"one of {', '.join(KINDS)}", self.kind)
        for name in ("n_mels", "sample_rate_hz", "n_fft", "hop_samples"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)
        require(self.n_fft % (2 * self.hop_samples) == 0, "n_fft", "an even multiple of hop_samples", self.n_fft)
        # More bands than a spectrum has lines tell nothing more.
        lines = self.n_fft // 2 + 1
        require(self.n_mels <= lines, "n_mels", f"at most {lines}, the lines of the spectrum", self.n_mels)
        lowest, highest = (1, self.n_mels) if self.kind == "mfcc" else (0, 0)
        require(
            is_whole(self.n_coeffs) and lowest <= self.n_coeffs <= highest,
            "n_coeffs",
            f"a whole number from {lowest} to {highest} for kind {self.kind!r}",
            self.n_coeffs,
        )
        step_samples = float(self.windowing.step_s * self.sample_rate_hz)
        # But for rounding, as a part of a second in samples is no number that a float holds.
        require(
            abs(step_samples - round(step_samples)) < 1e-6,
            "step_s",
            f"a whole number of samples at {self.sample_rate_hz} Hz",
            self.windowing.step_s,
        )
        require(self.n_fft <= _LARGEST_FFT, "n_fft", f"at most {_LARGEST_FFT}", self.n_fft)
        require(is_number(self.power) and 0 < self.power <= 10, "power", "a number above 0, at most 10", self.power)
        require(is_number(self.range_db) and self.range_db > 0, "range_db", "decibels above 0", self.range_db)
        nyquist_hz = self.sample_rate_hz / 2
        require(
            is_number(self.fmin_hz) and is_number(self.fmax_hz) and 0 <= self.fmin_hz < self.fmax_hz <= nyquist_hz,
            "fmin_hz, fmax_hz",
            f"0 <= fmin_hz < fmax_hz <= {nyquist_hz:g}",
            (self.fmin_hz, self.fmax_hz),
        )

    @property
    def rows(self) -> int:
        """Height of a picture."""
        return self.n_coeffs if self.kind == "mfcc" else self.n_mels

    @property
    def cutting(self) -> Cutting:
        """How a recording is cut for these pictures."""
        return Cutting(sample_rate_hz=self.sample_rate_hz, windowing=self.windowing)

    @property
    def segment_samples(self) -> int:
        """Samples in a segment."""
        return self.cutting.segment_samples

    @property
    def step_samples(self) -> int:
        """Samples from one segment's start to the next."""
        return self.cutting.step_samples

    @property
    def frames(self) -> int:
        """Width of a picture: centred frames, one a hop."""
        return 1 + self.segment_samples // self.hop_samples

    @property
    def bins(self) -> int:
        """Frequencies in one frame's spectrum."""
        return 1 + self.n_fft // 2

    @property
    def side_by_side(self) -> "Features":
        """The same pictures of windows that do not overlap."""
        return self._stepping(self.windowing.length_s)

    @property
    def for_rows(self) -> "Features":
        """The same pictures of windows that begin so many to a row of a submission as are needed to cover it."""
        row = ROW_S * self.sample_rate_hz
        return self._stepping(round(row / math.ceil(row / self.segment_samples)) / self.sample_rate_hz)

    def shifted(self, shifts: int) -> "Features":
        """The same pictures of so many times as many windows, each by as large a part of a step later than the last.

        To whole samples: three shifts of a window of 5 s are a third of a sample off.
        """
        return self._stepping(round(self.step_samples / shifts) / self.sample_rate_hz)

    def _stepping(self, step_s: float) -> "Features":
        return replace(self, windowing=replace(self.windowing, step_s=step_s))

    def fingerprint(self, version: int = FEATURES_VERSION) -> str:
        """Sixteen hexadecimal digits that differ whenever pictures would differ; `version` is the program's."""
        facts = {"version": version, **asdict(self)}
        # 5 and 5.0 are the same setting, so every number is written as a float.
        plain = json.dumps(_with_floats(facts), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()[:16]

    def is_of_earlier_version(self, fingerprint: str) -> bool:
        """Whether an earlier version of this program, which made other pictures of these settings, gave it."""
        return fingerprint in map(self.fingerprint, range(1, FEATURES_VERSION))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as `dataclasses.asdict` gives them; a `preset` supplies what is left out."""
        values = table_of(cls, values)
        windowing = values.pop("windowing", {})
        preset = values.pop("preset", None)
        if preset is None:
            return cls(**known(cls, values), windowing=Windowing(**known(Windowing, windowing)))
        base = preset_features(preset)
        windowing = replace(base.windowing, **known(Windowing, windowing))
        return replace(base, **known(cls, values), windowing=windowing)  # type: ignore[return-value]


PRESETS: dict[str, Features] = {
    "mel16": Features(kind="mel", n_mels=16),
    "mfcc16": Features(kind="mfcc", n_mels=64, n_coeffs=16, power=3.0),
    "mel32": Features(kind="mel", n_mels=32),
    "logmel128": Features(kind="logmel", n_mels=128, power=2.0, fmin_hz=50.0, fmax_hz=14_000.0),
}


def preset_features(name: object) -> Features:
    """Features of a preset by its name; ConfigError for another name."""
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_floats(item) for name, item in value.items()}
    return float(value) if isinstance(value, int) else value
