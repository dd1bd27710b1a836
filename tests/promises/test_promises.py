"""What `docs/what-it-promises.md` says of commands and statuses, held against the program."""

import re

from test_documents import ROOT, subparsers

PROMISES = (ROOT / "docs" / "what-it-promises.md").read_text(encoding="utf-8")


def test_what_a_rerun_does_is_said_of_every_command_that_writes():
    table = PROMISES.split("## What giving the same command again does")[1].split("##")[0]
    said = set(
        re.findall(r"`([a-z-]+)[^`]*`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    assert set(subparsers()) - said == {"runs", "score"}


def test_options_and_statuses_are_those_of_the_program():
    known = {
        option for parser in subparsers().values() for action in parser._actions for option in action.option_strings
    }
    assert set(re.findall(r"(--[a-z][a-z-]+)", PROMISES)) - known == {"--again"}
    assert re.findall(r"^\| (\d+) \|", PROMISES, re.MULTILINE) == ["0", "1", "2", "130"]
