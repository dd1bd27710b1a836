"""What surrounds a program — streams, folders, settings that other programs left — made the same everywhere.

A notebook names a way of drawing that another environment has not, another project changes Keras for everybody, a
service runs without a terminal, a pipe ends before the work does. None of it changes what a command does.
"""

import errno
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any, TextIO

from birdclef_mind.commands.variables import settle_variables
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.quiet import quietly

# No settings of another project are found there, and none are left there for it.
_NOWHERE = str(Path(os.devnull) / "keras")
_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    "KERAS_HOME": _NOWHERE,
    # Figures are drawn to files alone, by matplotlib's own settings.
    "MPLBACKEND": "agg",
    "MATPLOTLIBRC": os.devnull,
    # Of processes that are started too.
    "PYTHONWARNINGS": "ignore",
}
_NOBODY_READS = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ESHUTDOWN)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def settle() -> None:
    """Prepare a process that is this program and nothing else, before any library is imported."""
    _open_streams()
    sys.stdout, sys.stderr = _Patient(sys.stdout), _Patient(sys.stderr)
    _settle_variables()
    warnings.simplefilter("ignore")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def lost_output() -> str:
    """Why some of what was printed could not be written, "" where all was."""
    return str(getattr(sys.stdout, "lost", ""))


def import_tensorflow_quietly() -> None:
    """Import TensorFlow and Keras as this program needs them, whatever is set elsewhere, and without banners.

    The banners are written by C++ before any log level is read. ConfigError when Keras is in use with another backend.
    """
    _settle_variables()
    with quietly():
        import keras
        import tensorflow as tf
    # Such as of graphs that are built again, which each fold does.
    tf.get_logger().setLevel(logging.ERROR)
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"Keras: expected the backend tensorflow, got {keras.backend.backend()}, which this process uses already"
        )
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    # Where Keras was imported before, its variables have been read; older versions have neither limit.
    for limit in ("set_max_epochs", "set_max_steps_per_epoch"):
        getattr(keras.config, limit, _ignore)(None)


def _settle_variables() -> None:
    settle_variables()
    os.environ.update(_SETTINGS)


def _ignore(_: object) -> None:
    pass


def _open_streams() -> None:
    """Open what was closed before the start, or the next file that is opened would take its place."""
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free is given; processes that are started need it too.
            os.set_inheritable(os.open(os.devnull, mode), True)
    sys.stdin = sys.stdin or os.fdopen(0, "r", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class _Patient:
    """A stream that drops what nobody reads any more, and writes what its encoding has no sign for as an escape.

    What finds no room, as in a log on a full disk, is dropped too, so that work goes on; `lost` says why.
    """

    lost = ""

    def __init__(self, stream: TextIO) -> None:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            return self._drop(error, len(text))

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error, 0)

    def _drop(self, error: OSError, length: int) -> int:
        if error.errno in _NO_ROOM:
            self.lost = error.strerror or "no room"
        elif error.errno not in _NOBODY_READS:
            raise error
        # What is left in the buffer must not be tried again, now or at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        return length

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
