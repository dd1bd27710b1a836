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


class KaggleError(BirdclefMindError):
    """Kaggle, or its command line, did not do what was asked; the message says what to do next."""


def reason_of(error: Exception) -> str:
    """What a list of failures says of an error, a sentence; Python says nothing of a lack of memory.

    >>> reason_of(AudioError("missing")), reason_of(MemoryError())
    ('missing', 'not enough memory')
    """
    return str(error) or "not enough memory"
