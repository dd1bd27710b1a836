"""Addresses of what is listened to: recordings, what is heard in them, moments, and work on these."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from birdclef_mind.errors import ConfigError, printable
from birdclef_mind.sound.audio import wav_bytes
from birdclef_mind.studio import asked, moments
from birdclef_mind.studio.ears import at_rate, fitted
from birdclef_mind.studio.knobs import Knobs, other_features, turned
from birdclef_mind.studio.listened import MOST_S
from birdclef_mind.studio.sent import read_json, read_samples, write_file
from birdclef_mind.studio.slowly import slowly
from birdclef_mind.studio.studio import Studio
from birdclef_mind.studio.views import Views, ticks_of
from birdclef_mind.studio.works import Work

_MOST_PLAYED_S = 60.0
_LONGEST_PATH = 4096
_UNCHANGED = {"Cache-Control": "private, max-age=86400"}
_CHANGING = {"Cache-Control": "no-store"}


class Listening:
    """Answers of a studio about what is listened to."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._views = Views(studio.minds[0].bundle.features.sample_rate_hz)

    @property
    def routes(self) -> list[Route]:
        """Addresses, and who answers."""
        return [
            Route("/recordings", self.sent, methods=["POST"]),
            Route("/recordings/given", self.given, methods=["POST"]),
            Route("/recordings/pasted", self.pasted, methods=["POST"]),
            Route("/recordings/live", self.live, methods=["POST"]),
            Route("/recordings/{number:int}", self.told),
            Route("/recordings/{number:int}/samples", self.samples, methods=["POST"]),
            Route("/recordings/{number:int}/end", self.end, methods=["POST"]),
            Route("/recordings/{number:int}/heard", self.heard),
            Route("/recordings/{number:int}/picture/{tile:int}", self.tile),
            Route("/recordings/{number:int}/sound", self.sound),
            Route("/moments", self.moment, methods=["POST"]),
            Route("/works", self.begin, methods=["POST"]),
            Route("/works/{number:int}", self.work),
            Route("/works/{number:int}/stop", self.stop, methods=["POST"]),
            Route(f"/{moments.MADE}/{{name}}", self.made),
        ]

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Frequencies beside the spectrogram, see `Views`."""
        return self._views.ticks

    async def sent(self, request: Request) -> Response:
        """A sound file that somebody dropped; ConfigError for an empty one."""
        name = printable(asked.text(request.query_params, "name", "sound"))
        path = self._studio.recordings.room()
        try:
            if not await write_file(request, path):
                raise ConfigError(f"{name}: expected a sound file, got nothing")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        recording = self._studio.recordings.new(name)
        self._studio.recordings.read(recording, path, remove=True)
        return JSONResponse({"number": recording.number})

    async def given(self, request: Request) -> Response:
        """One of the recordings at hand, by its place in the list."""
        own = self._studio.at_hand.paths
        path = own[asked.whole(await read_json(request), "number", 0, len(own) - 1)]
        recording = self._studio.recordings.new(printable(path.name))
        self._studio.recordings.read(recording, path)
        return JSONResponse({"number": recording.number})

    async def pasted(self, request: Request) -> Response:
        """Recordings of a folder whose path was pasted: their places in the list, which may have grown."""
        path = asked.text(await read_json(request), "path", longest=_LONGEST_PATH)
        places = await run_in_threadpool(self._studio.at_hand.pasted, path)
        return JSONResponse({"places": places, "given": self._studio.at_hand.names})

    async def live(self, request: Request) -> Response:
        """A microphone begins."""
        return JSONResponse({"number": self._studio.recordings.new("live", live=True).number})

    async def samples(self, request: Request) -> Response:
        """What a microphone heard meanwhile; ConfigError where none is on."""
        recording = self._recording(request)
        rate = asked.whole(request.query_params, "rate", 8000, 192_000)
        if not recording.live or recording.is_whole:
            raise ConfigError("recording: expected one that a microphone still fills")
        recording.take(await read_samples(request), rate)
        return JSONResponse({"seconds": recording.seconds})

    async def end(self, request: Request) -> Response:
        """The microphone is off."""
        recording = self._recording(request)
        if recording.live:
            recording.is_whole = True
        return JSONResponse({})

    async def told(self, request: Request) -> Response:
        """How much there is of a recording, and how far it is heard."""
        recording = self._recording(request)
        following = self._studio.follow(recording.number)
        ears = []
        for place, ear in enumerate(following.ears):
            count, _ = following.heard(place, 0, 0)
            best = [(bird, ear.birds[bird]) for bird in following.loudest(place)]
            ears.append({"name": ear.name, "length_s": ear.length_s, "heard": count, "best": best})
        return JSONResponse(
            {"number": recording.number, "name": recording.name, "seconds": recording.seconds,
             "whole": recording.is_whole, "live": recording.live, "why": recording.why or following.why,
             "scale": self._views.scale(recording), "hop_s": following.hop_s, "ears": ears, "ended": following.ended}
        )  # fmt: skip

    async def heard(self, request: Request) -> Response:
        """Birds and chances of moments, from one on."""
        following = self._studio.follow(self._recording(request).number)
        ear = asked.whole(request.query_params, "ear", 0, len(following.ears) - 1, 0)
        first = asked.whole(request.query_params, "first", 0, 10**7, 0)
        count, rows = following.heard(ear, first)
        names = {bird: following.ears[ear].birds[bird] for row in rows for bird, _ in row}
        return JSONResponse({"count": count, "first": first, "rows": rows, "names": names})

    async def tile(self, request: Request) -> Response:
        """Ten seconds of the spectrogram; ConfigError beyond any recording."""
        recording, number = self._recording(request), int(request.path_params["tile"])
        if number > MOST_S:
            raise ConfigError("picture: expected one inside the recording")
        content = await slowly(self._views.tile, recording, number)
        # Until it is whole, more may come, and louder.
        headers = _UNCHANGED if recording.is_whole else _CHANGING
        return Response(content, media_type="image/png", headers=headers)

    async def sound(self, request: Request) -> Response:
        """A stretch of the recording to play."""
        recording = self._recording(request)
        start = asked.number(request.query_params, "from", 0, MOST_S, 0)
        length = asked.number(request.query_params, "length", 0.1, _MOST_PLAYED_S, 10)
        length = max(0.1, min(length, recording.seconds - start))
        content = await run_in_threadpool(lambda: wav_bytes(recording.samples(start, length), recording.rate_hz))
        return Response(content, media_type="audio/wav", headers=_CHANGING)

    async def moment(self, request: Request) -> Response:
        """How a moment looks and sounds, with knobs turned, and what every ear names in it."""
        return JSONResponse(await slowly(self._moment, await read_json(request)))

    async def begin(self, request: Request) -> Response:
        """Begin work on a moment."""
        values = await read_json(request)
        way = asked.one_of(values, "what", ("layers", "alike", "insisted", "decided"))
        looked = await slowly(self._looked, values)
        ways: dict[str, Callable[[Work], Iterator[Any]]] = {
            "layers": lambda work: moments.layers(looked, work),
            "alike": lambda work: moments.alike(looked, self._studio.competition, work),
            "insisted": lambda work: moments.insisted(looked, work),
            "decided": lambda work: moments.decided(looked),
        }
        work = self._studio.works.begin(ways[way])
        return JSONResponse({"number": work.number})

    async def work(self, request: Request) -> Response:
        """How far a work is, and what it found from a place on."""
        work = self._work(request)
        work.asked()
        first = asked.whole(request.query_params, "first", 0, 10**6, 0)
        return JSONResponse(
            {"state": work.state, "what": work.what, "done": work.done, "total": work.total, "why": work.why,
             "found": work.found[first:], "ended": work.ended}
        )  # fmt: skip

    async def stop(self, request: Request) -> Response:
        """Nobody wants it any more."""
        self._work(request).unwanted.set()
        return JSONResponse({})

    async def made(self, request: Request) -> Response:
        """A picture or a sound that was made; ConfigError where it is gone."""
        made = self._studio.shown.shelf.take(request.path_params["name"])
        if made is None:
            raise ConfigError("expected something that was made here, and not long ago")
        return Response(made.content, media_type=made.kind, headers=_UNCHANGED)

    def _recording(self, request: Request) -> Any:
        return self._studio.recordings.take(int(request.path_params["number"]))

    def _work(self, request: Request) -> Work:
        work = self._studio.works.take(int(request.path_params["number"]))
        if work is None:
            raise ConfigError("work: expected one that was begun, and not long ago")
        return work

    def _looked(self, values: Mapping[str, Any]) -> moments.Looked:
        """A moment with knobs turned, at the rate of the network that is asked."""
        mind = self._studio.mind(asked.whole(values, "network", 0, len(self._studio.minds) - 1, 0))
        recording = self._studio.recordings.take(asked.whole(values, "recording", 0, 10**9))
        features = mind.bundle.features
        length_s = features.windowing.length_s
        start = asked.number(values, "start_s", -length_s, recording.seconds)
        own = at_rate(recording.window(start, length_s)[None], recording.rate_hz, features.sample_rate_hz)
        samples = fitted(own, features.segment_samples)[0]
        samples = turned(samples, Knobs.read(asked.inside(values, "knobs"), features), features)
        return moments.Looked(mind, samples, self._studio.shown)

    def _moment(self, values: Mapping[str, Any]) -> dict[str, Any]:
        looked = self._looked(values)
        features, shown = looked.mind.bundle.features, looked.shown
        told: dict[str, Any] = {
            "picture": shown.picture(looked.pictures.pixels[0]),
            "sound": shown.sound(looked.samples, features.sample_rate_hz),
            "length_s": features.windowing.length_s, "ticks": ticks_of(features), "features": asdict(features),
            "answers": moments.answers(self._studio.ears, looked.samples, features.sample_rate_hz),
        }  # fmt: skip
        other = asked.inside(values, "features")
        if other:
            told["through"] = moments.through(looked, other_features(other, features))
        return told
