"""The studio's address: a page and its files behind a token, and what answers for everything on it.

Only this machine is answered, and only who has the token: it is the first part of every path. What is asked wrongly is
refused in one sentence, and what goes wrong here ends one answer, never the studio.
"""

import hmac
import sys
import traceback
from importlib import resources
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BirdclefMindError, reason_of
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.studio.languages import LANGUAGES, language_of, words_in
from birdclef_mind.studio.lessons import ORDERS
from birdclef_mind.studio.listen_routes import Listening
from birdclef_mind.studio.marks import SaidMeanwhileError
from birdclef_mind.studio.sent import TooMuchError
from birdclef_mind.studio.studio import Studio
from birdclef_mind.studio.teach_routes import Teaching
from birdclef_mind.studio.views import TILE_S

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LONGEST_PATH = 1000
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report is a page of its own, whose scripts and styles stand in it; it reaches nothing but its own files.
_REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-modals; default-src 'none'; img-src 'self' data:; "
    "media-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


def make_app(studio: Studio, token: str) -> ASGIApp:
    """The application that answers for a studio, to who has the token."""
    listening, teaching = Listening(studio), Teaching(studio)
    page = _Page(studio, listening)
    own = [
        Route("/", page.page),
        Route("/page/{name}", page.file),
        Route("/state", page.state),
        *listening.routes,
        *teaching.routes,
    ]
    handlers: dict[Any, Any] = {
        BirdclefMindError: _refused,
        SaidMeanwhileError: _said_meanwhile,
        HTTPException: _no_such,
        ClientDisconnect: _vanished,
        OSError: _no_room,
        Exception: _fault,
    }
    # What is not quite an address is none, and leads to no other.
    app = Starlette(routes=[Mount(f"/{token}", Router(own, redirect_slashes=False))], exception_handlers=handlers)
    return Guarded(app, token)


class Guarded:
    """Lets through what comes from this machine's own page, and nothing else."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        status = self._refusal(scope)
        if status:
            await _shut(scope, status)(scope, receive, send)
            return
        report = scope["path"].encode("utf-8", "surrogateescape").startswith(b"/" + self._token + b"/report/")
        policy = _REPORT_POLICY if report else _POLICY

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), value.encode()) for name, value in _HEADERS]
                more.append((b"content-security-policy", policy.encode()))
                # A page in a sandbox is no page's own, and its pictures are to reach it.
                more.append((b"cross-origin-resource-policy", b"cross-origin" if report else b"same-origin"))
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> int:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        # Another site's name may lead to this machine; its pages must learn nothing here.
        if host.rpartition(":")[0] not in _HOSTS and host not in _HOSTS:
            return 403
        origin = headers.get(b"origin")
        if origin is not None and scope["method"] != "GET" and origin != f"http://{host}":
            return 403
        if len(scope["path"]) > _LONGEST_PATH:
            return 404
        given = scope["path"].encode("utf-8", "surrogateescape").split(b"/")
        return 0 if len(given) > 2 and hmac.compare_digest(given[1], self._token) else 404


class _Page:
    """The page, its files, and what it needs to know at first."""

    def __init__(self, studio: Studio, listening: Listening) -> None:
        self._studio, self._listening = studio, listening
        self._folder = resources.files("birdclef_mind.studio") / "page"
        self._files = {one.name: one.read_bytes() for one in self._folder.iterdir() if one.is_file()}
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        self._template = environment.from_string(self._files["index.html"].decode("utf-8"))

    async def page(self, request: Request) -> Response:
        """The page, in the language that was asked for."""
        wanted = request.query_params.get("lang") or language_of(request.headers.get("accept-language", ""))
        language = wanted if wanted in LANGUAGES else "en"
        html = self._template.render(
            words=words_in(language), language=language, languages=LANGUAGES, presets=list(PRESETS), orders=ORDERS,
        )  # fmt: skip
        return Response(html, media_type="text/html", headers={"Cache-Control": "no-store"})

    async def file(self, request: Request) -> Response:
        """A script or a style of the page."""
        name = request.path_params["name"]
        kind = _KINDS.get("." + name.rpartition(".")[2])
        if kind is None or name not in self._files:
            raise HTTPException(404)
        return Response(self._files[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    async def state(self, request: Request) -> Response:
        """Who listens, which recordings are at hand, and which birds may be named."""
        studio = self._studio
        classes = studio.minds[0].bundle.classes
        return JSONResponse(
            {"networks": [mind.name for mind in studio.minds], "ears": [ear.name for ear in studio.ears],
             "given": studio.at_hand.names,
             "open": [(one.number, one.name) for one in studio.recordings.open()],
             "birds": self._birds(classes), "teaches": studio.lessons is not None, "work": str(studio.work),
             "tile_s": TILE_S, "ticks": self._listening.ticks,
             "reads": [mind.backwards.decoders is not None for mind in studio.minds]}
        )  # fmt: skip

    def _birds(self, classes: Classes) -> list[tuple[str, str]]:
        names = self._studio.minds[0].bundle.common_names
        return sorted(((label, names.get(label) or label) for label in classes.names), key=lambda one: one[1])


def _shut(scope: Scope, status: int) -> Response:
    """What is told to who has no token: to people, who may have a link of a studio that ended, in words."""
    accepted = dict(scope["headers"]).get(b"accept", b"")
    if status == 404 and b"text/html" in accepted:
        return PlainTextResponse("Nothing is open under this link. Each studio prints its own when it begins.", status)
    return JSONResponse({"error": "not found"}, status)


def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": reason_of(error)}, 413 if isinstance(error, TooMuchError) else 400)


def _said_meanwhile(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "somebody has said something else meanwhile", "mark": vars(error.args[0])}, 409)


def _no_such(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse({"error": "not found" if status == 404 else "not so"}, status)


def _no_room(request: Request, error: Exception) -> Response:
    """The disk did not do what was asked of it, as when it is full."""
    reason = getattr(error, "strerror", None) or reason_of(error)
    return JSONResponse({"error": f"expected to be able to write to the disk, but: {reason}"}, 507)


def _vanished(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


def _fault(request: Request, error: Exception) -> Response:
    """A fault of this program, told where it can be reported; the studio goes on."""
    traceback.print_exception(error, file=sys.stderr)
    return JSONResponse({"error": f"a fault of this program, {reason_of(error)}"}, 500)
