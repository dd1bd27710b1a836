"""A stand-in for Kaggle on 127.0.0.1, as far as the `kaggle` program asks: datasets, kernels, their runs and outputs.

It speaks the program's own protocol (kaggle 2.2): POST of JSON to `/api/v1/<service>/<method>`. It keeps what it gets
and hands pushed kernels to a function that runs them. Faults that Kaggle is known for can be switched on.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

# Kaggle's own numbers and words for how a run stands.
RUNNING, COMPLETE, ERROR = "RUNNING", "COMPLETE", "ERROR"
Run = Callable[[Mapping[str, Any]], tuple[bool, str, Path]]


@dataclass
class KernelRun:
    """A pushed kernel: what was sent, and how its newest run stands."""

    request: dict[str, Any]
    version: int
    status: str = RUNNING
    log: str = ""
    output: Path | None = None


@dataclass
class Faults:
    """What goes wrong.

    Attributes
    ----------
    push_error : Kaggle's words for a refused push. invalid_sources : sources it does not accept.
    failing_upload : file name whose upload breaks off. version_stays : uploads that never become a version.
    dataset_status : Kaggle's word for how datasets stand. still_running : kernels that are always under way.
    ends_with, failure : how kernels end whatever they did, and Kaggle's words for why.
    lost : how many answers to a method are lost on the way, once it has been done. warning : of an outdated program.
    """

    push_error: str = ""
    invalid_sources: tuple[str, ...] = ()
    failing_upload: str = ""
    version_stays: bool = False
    dataset_status: str = "READY"
    still_running: bool = False
    ends_with: str = ""
    failure: str = ""
    lost: dict[str, int] = field(default_factory=dict)
    warning: bool = False


class _NotFound(Exception):
    pass


class _Lost(Exception):
    pass


class StandIn:
    """The server; a context manager. `run` takes a pushed kernel and gives (success, log, output folder)."""

    def __init__(self, run: Run) -> None:
        self.faults = Faults()
        self.datasets: dict[str, list[dict[str, bytes]]] = {}
        self.kernels: dict[str, KernelRun] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._run = run
        self._blobs: dict[str, tuple[str, bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path, owner: str) -> dict[str, str]:
        """Environment in which the `kaggle` program speaks to this server and to nobody else."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
        places = dict.fromkeys(("HOME", "KAGGLE_CONFIG_DIR", "TMPDIR"), str(home))
        names = {"KAGGLE_USERNAME": owner, "KAGGLE_KEY": "none", "KAGGLE_API_ENVIRONMENT": "LOCALHOST"}
        return {"PATH": "/usr/bin:/bin", **proxies, **places, **names}

    def answer(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a call of the API; what is not there, or is to be lost, is raised for the handler to say so."""
        self.requests.append((method, body))
        name = "_" + "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in method).lstrip("_")
        call = getattr(self, name, None)
        if call is None:
            raise _NotFound(method)
        found = dict(call(body))
        if self.faults.lost.get(method, 0) > 0:
            self.faults.lost[method] -= 1
            raise _Lost
        return found

    def take_blob(self, token: str, content: bytes) -> None:
        """Keep an uploaded file; ConnectionError for the one whose upload is to break off."""
        name, _ = self._blobs[token]
        if name == self.faults.failing_upload:
            raise ConnectionError(name)
        self._blobs[token] = (name, content)

    def output_file(self, address: str) -> bytes:
        """An output file of a kernel, by the address that `ListKernelSessionOutput` gave."""
        owner, slug, name = unquote(address).removeprefix("/output/").split("/", 2)
        run = self.kernels[f"{owner}/{slug}"]
        if run.output is None or not (run.output / name).resolve().is_relative_to(run.output.resolve()):
            raise _NotFound(address)
        return (run.output / name).read_bytes()

    def _start_blob_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        token = f"blob-{len(self._blobs)}"
        self._blobs[token] = (body["name"], b"")
        return {"token": token, "createUrl": f"http://localhost/upload/{token}"}

    def _get_dataset_status(self, body: dict[str, Any]) -> dict[str, Any]:
        self._versions(body)
        return {"status": self.faults.dataset_status}

    def _get_dataset(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"currentVersionNumber": len(self._versions(body))}

    def _create_dataset(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._add_version(f"{body['ownerSlug']}/{body['slug']}", body["files"])

    def _create_dataset_version(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._add_version(f"{body['ownerSlug']}/{body['datasetSlug']}", body["body"]["files"])

    def _add_version(self, dataset: str, files: list[dict[str, Any]]) -> dict[str, Any]:
        if not self.faults.version_stays:
            content = dict(self._blobs[file["token"]] for file in files)
            self.datasets.setdefault(dataset, []).append(content)
        return {"status": "Ok", "url": f"/datasets/{dataset}", "error": "", "ref": dataset}

    def _versions(self, body: dict[str, Any]) -> list[dict[str, bytes]]:
        dataset = f"{body['ownerSlug']}/{body['datasetSlug']}"
        if dataset not in self.datasets:
            raise _NotFound(dataset)
        return self.datasets[dataset]

    def _save_kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.faults.push_error:
            return {"error": self.faults.push_error}
        slug = body["slug"]
        version = self.kernels[slug].version + 1 if slug in self.kernels else 1
        run = self.kernels[slug] = KernelRun(body, version)
        thread = threading.Thread(target=self._run_kernel, args=(run,), daemon=True)
        self._threads.append(thread)
        thread.start()
        bad = [name for name in body.get("datasetDataSources", []) if name in self.faults.invalid_sources]
        return {"ref": slug, "url": f"/code/{slug}", "versionNumber": version, "invalidDatasetSources": bad}

    def _run_kernel(self, run: KernelRun) -> None:
        try:
            success, run.log, run.output = self._run(run.request)
        except Exception as error:
            # A run that breaks has ended; nobody should wait for it.
            success, run.log = False, f"the stand-in could not run it: {error!r}"
        run.status = COMPLETE if success else ERROR

    def _get_kernel_session_status(self, body: dict[str, Any]) -> dict[str, Any]:
        run = self._kernel(body)
        if self.faults.still_running or run.status == RUNNING:
            return {"status": RUNNING}
        return {"status": self.faults.ends_with or run.status, "failureMessage": self.faults.failure}

    def _list_kernel_session_output(self, body: dict[str, Any]) -> dict[str, Any]:
        run = self._kernel(body)
        root, slug = run.output, run.request["slug"]
        names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) if root else []
        files = [{"url": f"http://localhost/output/{slug}/{quote(name)}", "fileName": name} for name in names]
        return {"files": files, "log": run.log}

    def _kernel(self, body: dict[str, Any]) -> KernelRun:
        slug = f"{body['userName']}/{body['kernelSlug']}"
        if slug not in self.kernels:
            raise _NotFound(slug)
        return self.kernels[slug]


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self._body() or b"{}")
            self._reply(lambda: json.dumps(stand_in.answer(self._path().rpartition("/")[2], body)).encode())

        def do_PUT(self) -> None:
            content = self._body()

            def keep() -> bytes:
                stand_in.take_blob(self._path().rpartition("/")[2], content)
                return b"{}"

            self._reply(keep)

        def do_GET(self) -> None:
            self._reply(lambda: stand_in.output_file(self._path()))

        def do_CONNECT(self) -> None:
            # Somebody tries to reach the real site.
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            pass

        def _path(self) -> str:
            return urlsplit(self.path).path

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            return b"".join(parts)

        def _reply(self, work: Callable[[], bytes]) -> None:
            kind = "application/json"
            try:
                status, content = 200, work()
            except _Lost:
                status, content, kind = 502, b"<html>502 Bad Gateway</html>", "text/html"
            except (_NotFound, OSError, KeyError) as error:
                status = 404 if isinstance(error, _NotFound) else 400
                content = json.dumps({"code": status, "message": f"{status} {error}"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if stand_in.faults.warning:
                self.send_header("X-Kaggle-APIVersion", "404.401.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
