"""The command that makes a case with a known truth, to see whether explanations find it."""

import argparse

from birdclef_mind.commands.arguments import number, one_of, place
from birdclef_mind.commands.parsers import SEED, Group, add_command
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import counted
from birdclef_mind.data.planting import CUES, PLACES, PLANTED, TRAIN, Planting


def add_plant(group: Group) -> None:
    """Add `plant` to the commands."""
    parser = add_command(
        group, "plant", plant,
        "copy a competition and add a foreign sound to one species' recordings, so that what a network learns wrongly "
        "is known; other sounds are linked, not copied",
        "plant birdclef-2023 runs/planted --cue hum --species barswa",
    )  # fmt: skip
    parser.add_argument("competition", type=place, help="competition folder of any year")
    parser.add_argument("out", type=place, help="folder for the copy, new or of an earlier run")
    parser.add_argument("--cue", type=one_of(*CUES), required=True, help=f"what is added: {', '.join(CUES)}")
    parser.add_argument("--species", required=True, metavar="LABEL", help="whose recordings get it")
    parser.add_argument(
        "--share", type=number(0, 1), default=0.8, help="share of its training recordings that get it (default: 0.8)"
    )
    parser.add_argument(
        "--where", type=one_of(*PLACES), default=TRAIN,
        help="train: training recordings (default); test: rows of soundscapes where truth.csv has it; both",
    )  # fmt: skip
    parser.add_argument(
        "--level", type=number(-60, 60), default=0.0, metavar="DB",
        help="how much louder than the recording it is, in decibels (default: 0)",
    )  # fmt: skip
    parser.add_argument("--seed", type=SEED, default=0, help="another seed, other recordings and times (default: 0)")


def plant(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the planted copy; status 1 when a sound could not be read."""
    from birdclef_mind.data.plant import plant as run

    wanted = Planting(
        cue=args.cue, species=args.species, share=args.share, where=args.where, level_db=args.level, seed=args.seed
    )
    found = run(args.competition, args.out, wanted, terminal.track)
    for name, reason in found.failures.items():
        terminal.say(f"{name}: {reason}")
    parts = [counted(found.recordings, "recording")] if found.recordings or not found.soundscapes else []
    parts += [counted(found.soundscapes, "soundscape")] if found.soundscapes else []
    terminal.end(
        f"{' and '.join(parts)} of {args.species} with a {args.cue}",
        [
            ("competition", args.out),
            ("truth", args.out / PLANTED),
            ("next", command("cache", args.out, args.out.parent / "cache")),
        ],
    )
    return 1 if found.failures else 0
