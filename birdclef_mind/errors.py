"""One root and a few kinds; every message says what was expected, what came, and where."""


class BirdclefMindError(Exception):
    """Root of all errors a user can cause or meet; its message is one sentence for them."""


class ConfigError(BirdclefMindError):
    """A setting has a value it cannot have."""


class Obstacle(BirdclefMindError):
    """A layer stands in the way of a method, which leaves other methods and all settings as they are."""


class AudioError(BirdclefMindError):
    """A sound file cannot be read."""


class TableError(BirdclefMindError):
    """A table or folder of the competition is not as it should be."""


class StoreError(BirdclefMindError):
    """A picture or a cache folder is missing, broken, or of another configuration."""


class BundleError(BirdclefMindError):
    """A bundle is missing, broken, or does not fit what it is used with."""


class DivergedError(ConfigError):
    """A training whose numbers grew beyond all measure; what it was to replace stays."""


class KaggleError(BirdclefMindError):
    """Kaggle, or its command line, did not do what was asked; the message says what to do next."""


def printable(name: str) -> str:
    """A file's name as any table can hold it: what is no text, such as Latin-1 on a disk of UTF-8, is escaped.

    >>> printable("H\\udcfctte.ogg")
    'H\\\\udcfctte.ogg'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def reason_of(error: BaseException) -> str:
    """What a list of failures says of an error, one line; Python says nothing of a lack of memory.

    >>> reason_of(AudioError("missing")), reason_of(MemoryError()), reason_of(ValueError("out of\\nrange"))
    ('missing', 'not enough memory', 'ValueError: out of range')
    """
    if isinstance(error, BirdclefMindError | MemoryError):
        return " ".join(str(error).split()) or "not enough memory"
    return " ".join(f"{type(error).__name__}: {error}".split())
