"""The log of a kernel, as Kaggle keeps it: a list in JSON of what was printed and when, or plain text."""

import json
from pathlib import Path


def last_words(out: Path) -> str:
    """The last line of the log in a folder with a kernel's output; "it left no log" where there is none."""
    logs = sorted(out.glob("*.log"))
    lines = text_of(logs[0].read_text(encoding="utf-8", errors="replace")).strip().splitlines() if logs else []
    return lines[-1].strip() if lines else "it left no log"


def text_of(log: str) -> str:
    r"""What a kernel printed.

    >>> text_of('[{"stream_name":"stdout","time":1.5,"data":"one\\n"}\n,{"stream_name":"stderr","data":"two"}]')
    'one\ntwo'
    """
    try:
        entries = json.loads(log)
        return "".join(str(entry["data"]) for entry in entries)
    except (ValueError, TypeError, KeyError):
        return log
