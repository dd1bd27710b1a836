"""Commands in the background, one after the other: training anew, a report to show. A kill stops none for good.

WORK/NAME.json   the commands, how far they are; whoever opens the studio again goes on from there
WORK/NAME.log    what they said
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from birdclef_mind.errors import ConfigError
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import OWN, Ledger, refuse_others, write_own

NEVER, RUNNING, STOPPING, STOPPED = "never", "running", "stopping", "stopped"
DONE, FAILED = "done", "failed"
_LAST_LINES = 12
_MOST_READ = 16_384
_PATIENCE_S = 10


class Steps:
    """Commands of this program, done one after the other in processes of their own."""

    def __init__(self, work: Path, name: str) -> None:
        self._work, self._name = work, name
        self._plan, self._log = work / f"{name}.json", work / f"{name}.log"
        refuse_others([self._plan], ConfigError)
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False
        self._held: dict[str, Any] = {"commands": [], "done": 0, "state": NEVER, "pid": 0}
        if self._plan.is_file():
            held = files.read_object(work, self._plan.name, "commands of a studio", ConfigError)
            self._held |= {name: held[name] for name in self._held if name in held}
            if self._held["state"] == STOPPING:
                self._held["state"] = STOPPED

    @property
    def state(self) -> str:
        """One of never, running, stopping, stopped, done, failed."""
        return str(self._held["state"])

    def told(self) -> dict[str, Any]:
        """How far they are, and the last lines that they said."""
        return {
            "state": self.state, "done": self._held["done"], "steps": len(self._held["commands"]),
            "lines": self._last_lines(),
        }  # fmt: skip

    def resume(self) -> None:
        """Go on with what an earlier studio left at work: it was killed, or ended meanwhile."""
        if self.state == RUNNING and self._thread is None:
            # What it began may still run, and would stand in its own way.
            _end(int(self._held["pid"]), self._held["commands"])
            self._start()

    def begin(self, commands: Sequence[Sequence[str]]) -> None:
        """Do these commands, each the words behind the program's name; ConfigError while others are at work."""
        with self._lock:
            if self.state in (RUNNING, STOPPING):
                raise ConfigError(f"{self._name}: expected nothing at work, but it is {self.state} already")
            ledger = Ledger(self._work)
            if self._log.exists() and not ledger.owns(self._log.name):
                raise ConfigError(f"{self._log}: expected nothing there, found a file of somebody else")
            self._held = {"commands": [list(words) for words in commands], "done": 0, "state": RUNNING, "pid": 0}
            ledger.add({self._log.name: OWN})
            self._log.write_bytes(b"")
            self._start()

    def go_on(self) -> None:
        """Go on where they were stopped, or went wrong; ConfigError where nothing was."""
        with self._lock:
            if self.state not in (STOPPED, FAILED):
                raise ConfigError(f"{self._name}: expected something that was stopped, but it is {self.state}")
            self._start()

    def stop(self) -> None:
        """Stop them; what the command at hand has done so far is used again by `go_on`."""
        with self._lock:
            if self.state != RUNNING:
                return
            self._put(state=STOPPING)
        self._interrupt()

    def close(self) -> None:
        """End the command at hand for now; the next studio goes on with it."""
        self._closing = True
        self._interrupt()

    def _interrupt(self) -> None:
        """End the command at hand, and wait until it has."""
        thread, process = self._thread, self._process
        if process is not None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if thread is not None:
            thread.join(_PATIENCE_S)

    def _start(self) -> None:
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
        self._put(state=RUNNING)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._wanted() and self._held["done"] < len(self._held["commands"]):
            words = self._held["commands"][self._held["done"]]
            with self._log.open("ab") as log, self._lock:
                if not self._wanted():
                    break
                # `-P`: no module of the folder it was begun in is imported.
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "birdclef_mind", *words],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                )  # fmt: skip
                self._process = process
                self._put(pid=process.pid)
            status = process.wait()
            with self._lock:
                self._process = None
                if self._closing:
                    return
                if self.state == RUNNING:
                    self._put(**({"done": self._held["done"] + 1} if status in (0, 1) else {"state": FAILED}))
        with self._lock:
            if not self._closing and self.state in (RUNNING, STOPPING):
                self._put(state=DONE if self.state == RUNNING else STOPPED)

    def _wanted(self) -> bool:
        """Whether they are to go on."""
        return self.state == RUNNING and not self._closing

    def _put(self, **values: Any) -> None:
        self._held |= values
        write_own(self._plan, json.dumps(self._held).encode())

    def _last_lines(self) -> list[str]:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - _MOST_READ))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return []
        # Of a line that was written over and over only its last state is news.
        lines = [line.rpartition("\r")[2].rstrip() for line in text.splitlines()]
        return [line for line in lines if line][-_LAST_LINES:]


def _end(pid: int, commands: Sequence[Sequence[str]]) -> None:
    """End a command of an earlier studio that still runs; another program that has its number by now is left alone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return
    names = {os.fsencode(command[0]) for command in commands if command}
    if pid > 0 and b"birdclef_mind" in words and names & set(words):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
