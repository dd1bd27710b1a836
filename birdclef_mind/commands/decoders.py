"""The command that trains decoders, which redraw the input from layers."""

import argparse
import time
from dataclasses import replace

from birdclef_mind.commands.arguments import expect_bundle, place
from birdclef_mind.commands.parsers import COUNT, SEED, Group, add_command, add_config
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import counted
from birdclef_mind.storage.places import reached


def add_train_decoders(group: Group) -> None:
    """Add `train-decoders` to the commands."""
    parser = add_command(
        group, "train-decoders", train_decoders,
        "teach one small network a layer to redraw the input; interrupted, it goes on when run again",
        "train-decoders runs/bundle runs/cache",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("cache", type=reached, help="the cache it was trained on")
    parser.add_argument("--epochs", type=COUNT, help="passes over the training segments, at most (default: 30)")
    parser.add_argument("--seed", type=SEED, help="of weights and order (default: 111)")
    add_config(parser, "[decoding]")


def train_decoders(args: argparse.Namespace, terminal: Terminal) -> int:
    """Train decoders for a bundle and keep them in it."""
    from birdclef_mind.backwards.settings import Decoding
    from birdclef_mind.commands.config import Config
    from birdclef_mind.data.cache import open_cache

    expect_bundle(args.bundle)
    cache, decoding = open_cache(args.cache), Config.read(args.config).decoding if args.config else Decoding()
    import_tensorflow_quietly()
    from birdclef_mind.backwards.bundle_decoders import train_bundle_decoders
    from birdclef_mind.networks.bundle import load

    given = {name: getattr(args, name) for name in ("epochs", "seed") if getattr(args, name) is not None}
    started = time.perf_counter()
    decoders = train_bundle_decoders(
        args.bundle,
        load(args.bundle),
        cache,
        replace(decoding, **given),
        say=terminal.say,
        track=terminal.track,
    )
    terminal.end(
        f"{counted(len(decoders.networks), 'decoder')}, {counted(decoders.epochs, 'epoch')} "
        f"in {time.perf_counter() - started:.0f} s",
        [
            ("bundle", args.bundle),
            ("next", command("explain", args.bundle, args.cache, args.bundle.parent / "explanation")),
        ],
    )
    return 0
