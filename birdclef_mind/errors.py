"""One root and a few kinds; a message says what was expected, what came, and where.

That of an AudioError says only what is wrong: whoever catches it names the file.
"""

import re

# Line breaks, escape sequences and the like.
_STEERING = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


class BirdclefMindError(Exception):
    """Root of all errors a user can cause or meet; its message is one sentence for them."""


class ConfigError(BirdclefMindError):
    """A setting, a word at the terminal or a place to write to is one that cannot be."""


class Obstacle(BirdclefMindError):
    """A layer stands in the way of a method, which leaves other methods and all settings as they are."""


class AudioError(BirdclefMindError):
    """A sound file cannot be read."""


class TableError(BirdclefMindError):
    """A table, or a folder of the competition, is not as it should be."""


class StoreError(BirdclefMindError):
    """A cache, a picture or a folder's ledger is missing, broken or of no use, or processes at work on it are lost."""


class BundleError(BirdclefMindError):
    """A bundle or an explanation is missing, broken, or does not fit what it is used with."""


class ListenerError(BirdclefMindError):
    """A model that was trained elsewhere is missing, of another kind, or does not fit what it is used with."""


class DivergedError(ConfigError):
    """A training whose numbers grew beyond all measure; a bundle that it was to replace stays."""


class KaggleError(BirdclefMindError):
    """Kaggle, or its command line, did not do what was asked; the message says what to do next."""


def printable(name: str) -> str:
    """A file's name as any table can hold it, in one line.

    What is no text, such as Latin-1 on a disk of UTF-8, is escaped, and so are signs that steer a terminal.

    >>> printable("H\\udcfctte.ogg"), printable("two\\nlines")
    ('H\\\\udcfctte.ogg', 'two\\\\x0alines')
    """
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return _STEERING.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


def reason_of(error: BaseException) -> str:
    """What a list of failures says of an error, one line; Python says nothing of a lack of memory.

    >>> reason_of(AudioError("missing")), reason_of(MemoryError()), reason_of(ValueError("out of\\nrange"))
    ('missing', 'not enough memory', 'ValueError: out of range')
    """
    if isinstance(error, BirdclefMindError | MemoryError):
        return " ".join(str(error).split()) or "not enough memory"
    return " ".join(f"{type(error).__name__}: {error}".split())
