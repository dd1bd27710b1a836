"""The command that opens the studio."""

import argparse
from pathlib import Path

from birdclef_mind.commands.arguments import given_file, place, whole
from birdclef_mind.commands.parsers import LISTENER, Group, add_command
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.errors import ConfigError

_WORK = "studio"
_NEEDED = ("starlette", "uvicorn")


def add_studio(group: Group) -> None:
    """Add `studio` to the commands."""
    parser = add_command(
        group, "studio", studio,
        "open the studio in a browser: hear with a network, look into it, teach it",
        "studio runs/bundle --cache runs/cache",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, nargs="+", help="folder written by `train`; further ones hear beside it")
    parser.add_argument("--cache", type=place, help="the cache that the first was trained on: needed to teach it")
    parser.add_argument(
        "--competition", type=place, help="folder of the real sound (default: the one the cache was made from)"
    )
    parser.add_argument(
        "--listener", type=place, metavar="MODEL", help=f"let it hear beside the networks: {LISTENER} (default: none)"
    )
    parser.add_argument(
        "--sounds", type=place, action="append", default=[], metavar="FOLDER",
        help="a folder whose recordings may be opened by a path that is pasted; as often as there are folders",
    )  # fmt: skip
    parser.add_argument("--overrides", type=given_file, help="corrections to begin with")
    parser.add_argument(
        "--work", type=place, default=Path(_WORK), metavar="FOLDER",
        help="folder for what is said, trained and reported (default: studio, here)",
    )  # fmt: skip
    parser.add_argument("--port", type=whole(0, 65535), default=0, help="of this machine (default: one that is free)")
    parser.add_argument("--no-browser", action="store_true", help="print the link, and open no browser on it")


def studio(args: argparse.Namespace, terminal: Terminal) -> int:
    """Serve the studio until Ctrl-C; ConfigError where its packages are missing, or words do not go together."""
    import_tensorflow_quietly()
    try:
        from birdclef_mind.studio.serve import listening, serve
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        raise ConfigError(
            f"studio: expected the package {error.name}, which is not installed; install birdclef_mind[studio]"
        ) from error
    from birdclef_mind.studio.studio import Opening, open_studio

    if args.overrides and args.cache is None:
        raise ConfigError("overrides: expected --cache with them, the training data that they correct")
    opening = Opening(
        bundles=tuple(args.bundle), work=args.work, cache=args.cache, competition=args.competition,
        listener=args.listener, overrides=args.overrides, sounds=tuple(args.sounds),
    )  # fmt: skip

    def ready(link: str) -> None:
        print(f"the studio is open at\n  {link}\nCtrl-C ends it; what is said is in {args.work}", flush=True)

    with listening(args.port) as port:
        opened = open_studio(opening, terminal.say)
        try:
            serve(opened, port, browser=not args.no_browser, ready=ready)
        except KeyboardInterrupt:
            # That is how it is meant to end.
            pass
        finally:
            opened.close()
    terminal.say(f"\nthe studio has ended; what was said is in {args.work}")
    return 0
