"""The command that trains networks, and the list of trainings."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from birdclef_mind.commands.arguments import given_file, number, one_of, place, whole
from birdclef_mind.commands.heads import train_on_listener
from birdclef_mind.commands.parsers import COUNT, SEED, Group, add_command, add_config
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import (
    change_lines,
    counted,
    fold_words,
    honesty_lines,
    names_in,
    run_lines,
    score_lines,
)
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.folder_kinds import BUNDLE
from birdclef_mind.storage.places import reached
from birdclef_mind.training.recipe import LOSSES, RECIPES

if TYPE_CHECKING:
    from birdclef_mind.data.cache import Cache
    from birdclef_mind.training.origin import Extras
    from birdclef_mind.training.recipe import Training
    from birdclef_mind.training.results import Scores
    from birdclef_mind.training.soft_labels import UnlabelledSoundscapes

_RECIPE = one_of(*RECIPES)
_LOSS = one_of(*LOSSES)
_ROUNDS = 2
_SHARE = number(0, 0.5, or_equal=True)


def add_train(group: Group) -> None:
    """Add `train` to the commands."""
    parser = add_command(
        group, "train", train,
        "train a network on a cache, measure it on recordings held out, and write its bundle; interrupted, it goes on",
        "train runs/cache runs/bundle --recipe modern",
    )  # fmt: skip
    parser.add_argument("cache", type=reached, nargs="?", help="folder written by `cache`")
    parser.add_argument("out", type=place, help="folder for the bundle, new or one to replace")
    parser.add_argument(
        "--listener", type=reached, metavar="EMBEDDINGS",
        help="folder written by `embed`, in the place of a cache: a head on it is trained",
    )  # fmt: skip
    parser.add_argument(
        "--recipe", type=_RECIPE, help="how it is trained: classic (default) or modern, for logmel128 pictures"
    )
    parser.add_argument("--model", help="network: classic, resnet, efficientnetb0, … (default: the recipe's)")
    parser.add_argument(
        "--weights", type=given_file, help="file to begin a network of keras.applications with, saved without its top"
    )
    parser.add_argument(
        "--teacher", type=reached, metavar="EMBEDDINGS",
        help="folder written by `embed`: the network also learns to hear as that listener does, and needs it no more",
    )  # fmt: skip
    parser.add_argument(
        "--unlabelled", type=reached, nargs=2, metavar=("CACHE", "EMBEDDINGS"),
        help="sounds to learn from the teacher alone: `cache --unlabelled` and `embed --unlabelled` make them",
    )  # fmt: skip
    parser.add_argument(
        "--soundscapes", type=reached, metavar="CACHE",
        help="soundscapes to learn from, made by `cache --unlabelled`: each round a network labels them for the next",
    )  # fmt: skip
    parser.add_argument("--rounds", type=COUNT, help=f"rounds with soundscapes, at most (default: {_ROUNDS})")
    parser.add_argument(
        "--heard", type=reached, metavar="EMBEDDINGS",
        help="what a listener made of the soundscapes, by `embed --unlabelled`: it labels them, too",
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=COUNT, help="passes over the training segments, at most (default: the recipe's)"
    )
    parser.add_argument("--batch-size", type=COUNT, help="segments a step (default: 32)")
    parser.add_argument("--learning-rate", type=number(0), help="largest step (default: the recipe's)")
    parser.add_argument(
        "--patience", type=COUNT, help="epochs without progress before it stops (default: the recipe's)"
    )
    parser.add_argument("--loss", type=_LOSS, help=f"{', '.join(LOSSES)} (default: the recipe's)")
    parser.add_argument(
        "--without", default="", metavar="A,B", help="parts of the recipe to leave out, such as mixup,noise"
    )
    # Folds hold out what they need.
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation-share", type=_SHARE, help="share of the recordings held out; 0 trains on all (default: 0.2)"
    )
    held_out.add_argument("--folds", type=whole(2), help="train so many networks, each with another part held out")
    parser.add_argument("--fold", type=COUNT, help="train only this one of them, counted from 1")
    parser.add_argument(
        "--overrides", type=given_file,
        help="corrections from a report: segments dropped, named anew, with more birds, moved",
    )  # fmt: skip
    parser.add_argument(
        "--before", type=place,
        help="bundle before the corrections, measured beside the new one (default: the one that OUT holds)",
    )  # fmt: skip
    parser.add_argument(
        "--decoders", action="store_true", help="train decoders in the same go, as `train-decoders` does"
    )
    parser.add_argument("--seed", type=SEED, help="of weights and order (default: 111)")
    parser.add_argument("--split-seed", type=SEED, help="of which recordings are held out (default: 111)")
    add_config(parser, "[training] and [decoding]")


def train(args: argparse.Namespace, terminal: Terminal) -> int:
    """Train a network, or one a fold, and write its bundle; ConfigError for words that do not go together."""
    from birdclef_mind.backwards.settings import Decoding
    from birdclef_mind.commands.config import Config
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.data.overrides import read_overrides
    from birdclef_mind.listeners.embeddings import open_embeddings

    # What cannot be opened is said before TensorFlow is imported, which takes seconds.
    if args.listener:
        embeddings = open_embeddings(args.listener)
        import_tensorflow_quietly()
        _refuse_kept_place(args.out)
        return train_on_listener(args, embeddings, terminal)
    if args.cache is None:
        raise ConfigError(f"expected a cache and a folder for the bundle, or --listener, got {args.out} alone")
    training, cache = training_asked_for(args), open_cache(args.cache)
    decoding = Config.read(args.config).decoding if args.config else Decoding()
    overrides = read_overrides(args.overrides) if args.overrides else ()
    teacher, heard = (open_embeddings(folder) if folder else None for folder in (args.teacher, args.heard))
    sounds = (open_cache(args.unlabelled[0]), open_embeddings(args.unlabelled[1])) if args.unlabelled else None
    minutes = open_cache(args.soundscapes) if args.soundscapes else None
    import_tensorflow_quietly()
    from birdclef_mind.training.origin import Extras
    from birdclef_mind.training.soft_labels import UnlabelledSoundscapes
    from birdclef_mind.training.unlabelled import Unlabelled

    _refuse_kept_place(args.out)
    for done_by, ears in (("taught", teacher), ("soundscapes heard", heard)):
        if ears:
            terminal.say(f"{done_by} by {ears.heard_by.name}: {ears.heard_by.licence}")
    extras = Extras(overrides, args.before, args.weights, teacher, Unlabelled(*sounds) if sounds else None)
    soundscapes = UnlabelledSoundscapes(minutes, heard) if minutes else None
    started = time.perf_counter()
    done = _trained(args, terminal, cache, training, extras, soundscapes=soundscapes)
    words = f"{done.words}, in {time.perf_counter() - started:.0f} s"
    if args.decoders and not done.missing:
        from birdclef_mind.backwards.bundle_decoders import train_bundle_decoders
        from birdclef_mind.networks.bundle import load

        train_bundle_decoders(args.out, load(args.out), cache, decoding, say=terminal.say, track=terminal.track)
    if done.scores:
        lines = [*score_lines(done.scores), *change_lines(done.scores), *honesty_lines(done.scores)]
        terminal.say("\n".join(["", *lines, ""]))
    elif args.folds is None:
        terminal.say("no recording was held out, so nothing is measured")
    terminal.end(words, _fold_places(args, done.missing) if done.missing else _training_places(args, bool(done.scores)))
    return 0 if done.complete else 1


class _Done(NamedTuple):
    """What a training came to: words, measures, whether every bird had a segment to learn from, folds still to train.

    As long as any is, there is no bundle of this training.
    """

    words: str
    scores: "Scores | None"
    complete: bool
    missing: tuple[int, ...] = ()


def _trained(
    args: argparse.Namespace,
    terminal: Terminal,
    cache: "Cache",
    training: "Training",
    extras: "Extras",
    *,
    soundscapes: "UnlabelledSoundscapes | None",
) -> _Done:
    """Train one network, one a fold, or one a round."""
    from birdclef_mind.training.train import train as train_network
    from birdclef_mind.training.train_folds import train_folds
    from birdclef_mind.training.train_rounds import train_rounds

    if soundscapes:
        rounds = train_rounds(
            cache, args.out, training, soundscapes, args.rounds or _ROUNDS,
            folds=args.folds, extras=extras, say=terminal.say, track=terminal.track,
        )  # fmt: skip
        return _Done(
            f"{counted(len(rounds.rounds) - 1, 'round')} after the first network; round {rounds.best} is kept",
            rounds.scores, not rounds.untaught,
        )  # fmt: skip
    if args.folds is not None:
        found = train_folds(
            cache, args.out, training, args.folds, args.fold, extras=extras, say=terminal.say, track=terminal.track
        )
        return _Done(fold_words(found, args.folds), found.scores, not found.untaught, found.missing)
    report = train_network(cache, args.out, training, extras, say=terminal.say, track=terminal.track)
    words = f"{counted(len(report.history), 'epoch')}; epoch {report.best_epoch} is kept"
    return _Done(words, report.scores, not report.untaught)


def add_runs(group: Group) -> None:
    """Add `runs` to the commands."""
    parser = add_command(
        group, "runs", runs, "list the trainings below a folder side by side", "runs runs",
    )  # fmt: skip
    parser.add_argument("folder", type=place, help="folder with bundles somewhere below it")
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def runs(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the trainings below a folder."""
    from birdclef_mind.commands.runs import find_runs

    failed: list[str] = []
    found = find_runs(args.folder, failed)
    if args.json:
        print(json.dumps([asdict(run) for run in found], indent=1))
    else:
        print("\n".join(run_lines(found)))
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0


def _refuse_kept_place(out: Path) -> None:
    """Refuse a place in a bundle at which this program keeps networks of its own, and lets them go with the bundle."""
    from birdclef_mind.networks.bundle_folder import FOLD, ROUND, SECOND

    if (out.name == SECOND or out.name.startswith((FOLD, ROUND))) and (out.parent / BUNDLE).is_file():
        raise ConfigError(
            f"{out}: expected another name: in a bundle, {SECOND}, {FOLD}… and {ROUND}… are where `explain` and "
            "`train` keep networks of theirs, which go with the bundle"
        )


def training_asked_for(args: argparse.Namespace) -> "Training":
    """The recipe or the file, with what the command line says in its place; ConfigError for flags that need others."""
    from birdclef_mind.commands.config import Config
    from birdclef_mind.training.recipe import recipe, without

    if args.recipe and args.config:
        raise ConfigError(
            f"--recipe: expected it alone, or as recipe = {args.recipe!r} under [training] in {args.config}"
        )
    if args.before and not args.overrides:
        raise ConfigError("--before: expected --overrides beside it, the corrections that are measured")
    if args.unlabelled and not args.teacher:
        raise ConfigError("--unlabelled: expected --teacher beside it, whose opinion of these sounds is learned")
    for name in ("rounds", "heard"):
        if getattr(args, name) and not args.soundscapes:
            raise ConfigError(f"--{name}: expected --soundscapes beside it, the cache of soundscapes to learn from")
    if args.soundscapes and args.fold is not None:
        raise ConfigError("--fold: expected it without --soundscapes; all folds of a round label for the next")
    if args.fold is not None and args.folds is None:
        raise ConfigError("--fold: expected --folds beside it, the number of folds there are")
    base = Config.read(args.config).training if args.config else recipe(args.recipe or "classic")
    names = (
        "model", "epochs", "batch_size", "learning_rate", "patience", "seed", "split_seed", "loss", "validation_share",
    )  # fmt: skip
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if "epochs" in given:
        given["warmup_epochs"] = min(base.warmup_epochs, max(0, given["epochs"] - 1))
    return without(replace(base, **given), names_in(args.without))


def _fold_places(args: argparse.Namespace, missing: Sequence[int]) -> list[tuple[str, str | Path]]:
    from birdclef_mind.networks.bundle_folder import FOLD

    return [
        ("fold", args.out / f"{FOLD}{args.fold}"),
        ("next", f"the same command with --fold {missing[0]}"),
    ]


def _training_places(args: argparse.Namespace, measured: bool) -> list[tuple[str, str | Path]]:
    from birdclef_mind.networks.bundle_folder import HISTORY, OUT_OF_FOLD, ROUNDS, SCORES, VALIDATION

    places: list[tuple[str, str | Path]] = [("bundle", args.out)]
    if args.soundscapes:
        places.append(("rounds", args.out / ROUNDS))
    if args.folds is None:
        places.append(("history", args.out / HISTORY))
    if measured:
        places.append(("validation", args.out / (VALIDATION if args.folds is None else OUT_OF_FOLD)))
        places.append(("scores", args.out / SCORES))
    return [*places, ("next", f"{command('infer', args.out)} COMPETITION submission.csv")]
