"""Serve a studio to this machine alone, until somebody ends it."""

import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.app import make_app
from birdclef_mind.studio.studio import Studio

HOST = "127.0.0.1"


@contextmanager
def listening(port: int = 0) -> Iterator[socket.socket]:
    """A port of this machine, 0 for one that is free; ConfigError where it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((HOST, port))
            # From here on a browser waits, and is not turned away.
            opened.listen(256)
        except OSError as error:
            raise ConfigError(f"port: expected one that is free, got {port} ({error.strerror})") from error
        yield opened


def serve(studio: Studio, opened: socket.socket, *, browser: bool = True, ready: Callable[[str], None]) -> None:
    """Answer until somebody ends it, which raises KeyboardInterrupt.

    `opened` is what `listening` gives. `ready` gets the link, which a browser is opened on.
    """
    token = secrets.token_urlsafe(18)
    # A slow or vanished browser holds nothing up; what is said at the terminal is said here.
    config = uvicorn.Config(
        make_app(studio, token), log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=30,
        limit_concurrency=500, timeout_graceful_shutdown=3, ws="none",
    )  # fmt: skip
    if threading.current_thread() is threading.main_thread():
        # Whatever ends it, what it began is ended too; uvicorn hands signals on when it is done.
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _ended)
    studio.resume()
    link = f"http://{HOST}:{opened.getsockname()[1]}/{token}/"
    ready(link)
    if browser:
        webbrowser.open(link)
    uvicorn.Server(config).run(sockets=[opened])


def _ended(number: int, frame: object) -> None:
    raise KeyboardInterrupt
