"""Serve a studio to this machine alone, until somebody ends it."""

import secrets
import socket
import webbrowser
from collections.abc import Callable

import uvicorn

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.app import make_app
from birdclef_mind.studio.studio import Studio

HOST = "127.0.0.1"


def serve(studio: Studio, port: int = 0, *, browser: bool = True, ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C; `ready` gets the link, which a browser is opened on.

    ConfigError where the port is taken; 0 takes one that is free.
    """
    token = secrets.token_urlsafe(18)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"port: expected one that is free, got {port} ({error.strerror})") from error
        # From here on a browser waits, and is not turned away.
        listening.listen(256)
        link = f"http://{HOST}:{listening.getsockname()[1]}/{token}/"
        # A slow or vanished browser holds nothing up; what is said at the terminal is said here.
        config = uvicorn.Config(
            make_app(studio, token), log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=30,
            limit_concurrency=500, timeout_graceful_shutdown=3, ws="none",
        )  # fmt: skip
        ready(link)
        if browser:
            webbrowser.open(link)
        uvicorn.Server(config).run(sockets=[listening])
