"""What a browser sends: read up to a size, and refused in one sentence where it is no JSON, no sound, or too much."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ConfigError

MOST_JSON, MOST_SAMPLES, MOST_FILE = 2**16, 2**22, 2**31


class TooMuchError(ConfigError):
    """More was sent than is taken."""


async def read_json(request: Request) -> Mapping[str, Any]:
    """A table of values; ConfigError for anything else."""
    content = await _read(request, MOST_JSON)
    try:
        # NaN and Infinity are no JSON, whatever Python reads.
        found = json.loads(content.decode("utf-8"), parse_constant=_refused)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError("expected a table of values as JSON")
    return found


async def read_samples(request: Request) -> Array:
    """Samples (n,), float32, −1 to 1, of 32-bit floats; ConfigError for others."""
    content = await _read(request, MOST_SAMPLES)
    if len(content) % 4:
        raise ConfigError(f"samples: expected floats of four bytes, got {len(content)} bytes")
    return np.clip(np.nan_to_num(np.frombuffer(content, "<f4")), -1, 1)


async def write_file(request: Request, path: Path) -> int:
    """What is sent into a file, as it comes; how many bytes. TooMuchError beyond `MOST_FILE`."""
    held = 0
    with path.open("wb") as file:
        async for part in request.stream():
            held += len(part)
            if held > MOST_FILE:
                raise TooMuchError(f"expected a file of at most {MOST_FILE // 2**20} MB")
            file.write(part)
    return held


async def _read(request: Request, most: int) -> bytes:
    parts, held = [], 0
    async for part in request.stream():
        held += len(part)
        if held > most:
            raise TooMuchError(f"expected at most {most} bytes")
        parts.append(part)
    return b"".join(parts)


def _refused(name: str) -> None:
    raise ValueError(name)
