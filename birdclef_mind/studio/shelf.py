"""Pictures and sounds that were made for a browser: kept in memory until newer ones need the room."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

_MOST_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Made:
    """Something made: its bytes, and what a browser calls them."""

    content: bytes
    kind: str


class Shelf:
    """What was made, by names that nobody can guess; the oldest gives way."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most, self._held = most_bytes, 0
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, content: bytes, kind: str) -> str:
        """Keep what was made; its name."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._made[name] = Made(content, kind)
            self._held += len(content)
            while self._held > self._most and len(self._made) > 1:
                _, oldest = self._made.popitem(last=False)
                self._held -= len(oldest.content)
        return name

    def take(self, name: str) -> Made | None:
        """What has that name; None where it was never made, or gave way."""
        with self._lock:
            return self._made.get(name)
