"""The `kaggle` program, believed by its words: its exit status is 0 for many failures."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from birdclef_mind.errors import KaggleError

# What it prints when something went wrong, whatever its status.
REFUSALS = ("error:", "not valid", "Upload unsuccessful", "Skipping folder", "Unauthorized", "401", "403 Client")


class Kaggle:
    """The user's `kaggle` program; credentials are its own affair and never read here.

    Attributes
    ----------
    environment : of its processes. owner : the user's name on Kaggle.
    """

    def __init__(self, owner: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.environment = dict(os.environ if environment is None else environment)
        self._program = _find_program()
        self.owner = owner or self.environment.get("KAGGLE_USERNAME") or self._configured_owner()

    def call(self, *words: str, expects: str = "", next_step: str) -> str:
        """Run a command and return what it printed; KaggleError unless it says `expects` and no refusal."""
        code, said = self.run(*words)
        refused = next((line for line in said.splitlines() for word in REFUSALS if word in line), None)
        if code or refused or expects not in said:
            reason = refused or (said.strip().splitlines() or ["nothing"])[-1]
            raise KaggleError(
                f"kaggle {' '.join(words[:2])}: expected {expects or 'success'!r}, got {reason!r}; {next_step}"
            )
        return said

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command: (exit status, all that it printed)."""
        done = subprocess.run(
            [self._program, *words], env=self.environment, capture_output=True, text=True, check=False, timeout=3600
        )
        return done.returncode, done.stdout + done.stderr

    def dataset_version(self, dataset: str) -> int | None:
        """Number of the version that Kaggle serves; None when there is no such dataset, 0 while it is not ready."""
        code, said = self.run("datasets", "status", dataset, "--format", "json")
        for line in said.splitlines():
            if line.startswith("{"):
                facts = json.loads(line)
                return int(facts["current_version_number"]) if facts["status"] == "ready" else 0
        if code and "404" in said:
            return None
        raise KaggleError(
            f"kaggle datasets status: expected the status of {dataset}, got {said.strip()[-200:]!r}; "
            "check `kaggle config view` and your connection"
        )

    def kernel_status(self, kernel: str) -> str | None:
        """How a kernel's newest run stands: "complete", "running", "queued", "error", …; None when there is none."""
        code, said = self.run("kernels", "status", kernel)
        if 'has status "' in said:
            return said.split('has status "')[1].split('"')[0].rpartition(".")[2].lower()
        if code and any(word in said for word in ("404", "403", "Permission")):
            return None
        raise KaggleError(
            f"kaggle kernels status: expected the status of {kernel}, got {said.strip()[-200:]!r}; try again"
        )

    def _configured_owner(self) -> str:
        _, said = self.run("config", "view")
        for line in said.splitlines():
            if "username:" in line:
                return line.split("username:")[1].strip()
        raise KaggleError("owner: expected your name on Kaggle, found none; set KAGGLE_USERNAME or give --owner NAME")


def _find_program() -> str:
    beside = Path(sys.executable).with_name("kaggle")
    program = str(beside) if beside.is_file() else shutil.which("kaggle")
    if program is None:
        raise KaggleError("expected the program `kaggle`, found none; install it with `pip install 'kaggle>=2.2'`")
    return program
