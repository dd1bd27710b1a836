"""Addresses of what is taught: segments to listen to, marks, training anew, the blind test and the report."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from birdclef_mind.data.strips import grey_png
from birdclef_mind.errors import ConfigError
from birdclef_mind.studio import asked
from birdclef_mind.studio.again import EXPLANATION, improved, report_anew, report_of, training_anew
from birdclef_mind.studio.blind import BlindTest
from birdclef_mind.studio.lessons import ORDERS, Lessons
from birdclef_mind.studio.marks import read_mark
from birdclef_mind.studio.sent import read_json
from birdclef_mind.studio.slowly import slowly
from birdclef_mind.studio.steps import Steps
from birdclef_mind.studio.studio import Studio

_LONGEST_RECORDING_S = 86_400


class Teaching:
    """Answers of a studio about what is taught."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    @property
    def routes(self) -> list[Route]:
        """Addresses, and who answers."""
        return [
            Route("/queue", self.queue),
            Route("/scan", self.scan, methods=["POST"]),
            Route("/segments/{place:int}", self.segment),
            Route("/segments/{place:int}/sound", self.sound),
            Route("/segments/{place:int}/picture", self.picture),
            Route("/segments/{place:int}/like", self.like),
            Route("/segments/{place:int}/mark", self.mark, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            Route("/marks", self.marks),
            Route("/training", self.training, methods=["GET", "POST"]),
            Route("/report", self.report, methods=["GET", "POST"]),
            Route("/report/{path:path}", self.report_file),
            Route("/blind", self.ask, methods=["POST"]),
            Route("/blind/{number:int}/sound", self.question_sound),
            Route("/blind/{number:int}", self.answer, methods=["POST"]),
        ]

    async def queue(self, request: Request) -> Response:
        """Segments to listen to, in an order."""
        lessons = self._studio.taught()
        order = asked.one_of(request.query_params, "order", ORDERS, ORDERS[0])
        words = asked.text(request.query_params, "words", "")
        found = await run_in_threadpool(lessons.queue, order, words, unheard=not words)
        return JSONResponse({"segments": found, "scanned": lessons.scanned is not None,
                             "audited": lessons.suspicions is not None})  # fmt: skip

    async def scan(self, request: Request) -> Response:
        """Let the network hear all segments, or the audit look through them."""
        lessons = self._studio.taught()
        what = asked.one_of(await read_json(request), "what", ("scan", "audit"))
        work = self._studio.works.begin(lessons.scan if what == "scan" else lessons.look_through)
        return JSONResponse({"number": work.number})

    async def segment(self, request: Request) -> Response:
        """One segment, with what was said of it."""
        lessons, place = self._segment(request)
        return JSONResponse(lessons.told(place))

    async def sound(self, request: Request) -> Response:
        """A segment's sound."""
        lessons, place = self._segment(request)
        return Response(await run_in_threadpool(lessons.sound, place), media_type="audio/wav")

    async def picture(self, request: Request) -> Response:
        """A segment's picture."""
        lessons, place = self._segment(request)
        pictures = await slowly(lessons.cache.pictures, [lessons.rows[place]])
        return Response(grey_png(pictures.pixels[0]), media_type="image/png")

    async def like(self, request: Request) -> Response:
        """Segments that the network hears alike."""
        lessons, place = self._segment(request)
        return JSONResponse({"segments": await slowly(lessons.like, place)})

    async def mark(self, request: Request) -> Response:
        """Somebody says something of a segment; it is on disk when this answers."""
        lessons, place = self._segment(request)
        values = await read_json(request)
        mark = read_mark(values, _LONGEST_RECORDING_S)
        await run_in_threadpool(lessons.marks.say, lessons.key(place), mark, _seen(values))
        return JSONResponse({**lessons.told(place), **self._counts(lessons)})

    async def undo(self, request: Request) -> Response:
        """Take back what was said last."""
        lessons, values = self._studio.taught(), await read_json(request)
        key = await run_in_threadpool(lessons.marks.take_back, _seen(values))
        own = [place for place in range(len(lessons.rows)) if key is not None and lessons.key(place) == key]
        return JSONResponse({"segment": lessons.told(own[0]) if own else None, **self._counts(lessons)})

    async def marks(self, request: Request) -> Response:
        """How much was said, for other tabs."""
        return JSONResponse(self._counts(self._studio.taught()))

    async def training(self, request: Request) -> Response:
        """Train anew, and how far that is."""
        lessons, work = self._studio.taught(), self._studio.work
        await self._do(request, self._studio.training, lambda: training_anew(lessons, work))
        told = self._studio.training.told()
        return JSONResponse({**told, "improved": improved(work) if told["state"] == "done" else None})

    async def report(self, request: Request) -> Response:
        """Make the report, and how far that is."""
        lessons, work = self._studio.taught(), self._studio.work
        await self._do(request, self._studio.report, lambda: report_anew(lessons, work))
        path = report_of(work)
        return JSONResponse({**self._studio.report.told(), "path": str(path) if path else None})

    async def report_file(self, request: Request) -> Response:
        """A file of the report; ConfigError for any other."""
        root = (self._studio.work / EXPLANATION).resolve()
        try:
            path = (root / request.path_params["path"]).resolve()
            there = path.is_relative_to(root) and path.is_file()
        except (OSError, ValueError):
            there = False
        if not there:
            raise ConfigError("report: expected a file of the report")
        return FileResponse(path)

    async def ask(self, request: Request) -> Response:
        """A new question of the blind test."""
        number, question = await slowly(self._blind().ask)
        names = self._studio.taught().cache.common_names
        offered = [(label, names.get(label) or label) for label in question.offered]
        return JSONResponse({"number": number, "offered": offered})

    async def question_sound(self, request: Request) -> Response:
        """What is to be named."""
        question = self._blind().take(int(request.path_params["number"]))
        return Response(question.sound, media_type="audio/wav")

    async def answer(self, request: Request) -> Response:
        """What somebody thinks it is, and what it was."""
        label = asked.text(await read_json(request), "label")
        return JSONResponse(self._blind().answer(int(request.path_params["number"]), label))

    async def _do(self, request: Request, steps: Steps, commands: Callable[[], list[list[str]]]) -> None:
        if request.method != "POST":
            return
        what = asked.one_of(await read_json(request), "do", ("begin", "stop", "go on"))
        if what == "begin":
            await run_in_threadpool(lambda: steps.begin(commands()))
        else:
            await run_in_threadpool(steps.stop if what == "stop" else steps.go_on)

    def _segment(self, request: Request) -> tuple[Lessons, int]:
        lessons, place = self._studio.taught(), int(request.path_params["place"])
        if place >= len(lessons.rows):
            raise ConfigError(f"segment: expected one of {len(lessons.rows)}, got number {place}")
        return lessons, place

    def _blind(self) -> BlindTest:
        self._studio.taught()
        if self._studio.blind is None:
            raise ConfigError("expected training data to ask about; begin the studio with --cache")
        return self._studio.blind

    @staticmethod
    def _counts(lessons: Lessons) -> dict[str, Any]:
        marks = lessons.marks
        return {"number": marks.number, "said": len(marks.all()), "corrections": len(marks.corrections())}


def _seen(values: Mapping[str, Any]) -> int | None:
    """The number of what a tab has seen; None where it says nothing of it."""
    return asked.whole(values, "seen", 0, 10**9) if values.get("seen") is not None else None
