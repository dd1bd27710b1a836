"""A studio, served as it is served for people, and who asks it as a browser does."""

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from birdclef_mind.studio.serve import listening, serve
from birdclef_mind.studio.studio import Opening, open_studio


class Client:
    """Asks a studio as a browser does."""

    def __init__(self, link):
        self.link = link

    def ask(self, path, values=None, *, body=None, headers=None):
        content = json.dumps(values).encode() if values is not None else body
        request = urllib.request.Request(self.link + path, content, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def told(self, path, values=None, **more):
        status, content, _ = self.ask(path, values, **more)
        assert status == 200, content
        return json.loads(content)

    def work(self, path, values):
        """What a work found, when it has ended."""
        number = self.told(path, values)["number"]
        for _ in range(1200):
            work = self.told(f"works/{number}")
            if work["ended"]:
                assert work["state"] == "done", work
                return work["found"]
            time.sleep(0.1)
        raise AssertionError(work)

    def heard(self, number):
        for _ in range(600):
            told = self.told(f"recordings/{number}")
            if told["ended"]:
                return told
            time.sleep(0.1)
        raise AssertionError(told)


@contextmanager
def studios(work):
    """`begin(bundles, …)` opens a studio and serves it in a thread; all are ended afterwards."""
    import uvicorn

    servers, threads, opened, ports = [], [], [], ExitStack()

    def begin(*bundles, **more):
        studio = open_studio(Opening(bundles=bundles, **{"work": work, **more}))
        opened.append(studio)
        links, real = [], uvicorn.Server.run

        def run(server, sockets=None):
            servers.append(server)
            # Signals belong to the main thread.
            server.install_signal_handlers = lambda: None
            return real(server, sockets)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(uvicorn.Server, "run", run)
            port = ports.enter_context(listening())
            thread = threading.Thread(
                target=lambda: serve(studio, port, browser=False, ready=links.append), daemon=True
            )
            thread.start()
            threads.append(thread)
            for _ in range(400):
                if links and servers and servers[-1].started:
                    break
                time.sleep(0.05)
        return SimpleNamespace(studio=studio, link=links[0], client=Client(links[0]))

    yield begin
    for server in servers:
        server.should_exit = True
    for studio in opened:
        studio.close()
    for thread in threads:
        thread.join(timeout=20)
    ports.close()
