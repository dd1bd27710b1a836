"""What each command takes, in words for people; wrong words are refused before anything is touched."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from birdclef_mind import commands, training_commands
from birdclef_mind.arguments import MOST_SEED, Parser, given_file, number, one_of, place, whole
from birdclef_mind.storage.places import reached
from birdclef_mind.terminal import Terminal

Run = Callable[[argparse.Namespace, Terminal], int]

STATUS_HELP = (
    "Status: 0 all went well; 1 done, but some inputs failed and are listed; 2 nothing done, one sentence says why."
)
_COUNT, _SEED = whole(1), whole(0, MOST_SEED)
# Named here too, since the modules that know them take long to import.
_PRESET = one_of("mel16", "mfcc16", "mel32", "logmel128")
_RECIPE = one_of("classic", "modern")
_LOSS = one_of("cross_entropy", "binary", "focal")
_LAYOUT = one_of("2026", "2025", "both")
_SHARE = number(0, 0.5, or_equal=True)
Group: TypeAlias = "argparse._SubParsersAction[Parser]"


def _command(group: Group, name: str, run: Run, summary: str, example: str) -> Parser:
    parser = group.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"Example:\n  birdclef-mind {example}\n\n{STATUS_HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors and what was asked for")
    parser.set_defaults(run=run)
    return parser


def _add_dry_run(group: Group) -> None:
    parser = _command(
        group, "dry-run", commands.dry_run,
        "go the whole way on an invented sample: sample, cache, train, infer, score", "dry-run runs/dry-run",
    )  # fmt: skip
    parser.add_argument(
        "out", nargs="?", type=place, default=Path("runs/dry-run"), help="folder (default: runs/dry-run)"
    )
    _add_jobs(parser)


def _add_sample(group: Group) -> None:
    parser = _command(
        group, "sample", commands.sample,
        "write a small invented competition folder with known truth", "sample runs/sample --species 9",
    )  # fmt: skip
    parser.add_argument("out", type=place, help="new folder for it")
    parser.add_argument("--species", type=whole(2, 40), default=6, help="birds (default: 6)")
    parser.add_argument("--recordings", type=whole(1, 999), default=10, help="recordings a bird (default: 10)")
    parser.add_argument("--soundscapes", type=whole(0, 999), default=2, help="test soundscapes (default: 2)")
    parser.add_argument("--seconds", type=whole(5, 600), default=60, help="length of a soundscape (default: 60)")
    parser.add_argument("--seed", type=_SEED, default=0, help="another seed, another sample (default: 0)")
    parser.add_argument(
        "--noise",
        action="store_true",
        help="make it hard: quiet songs, noisy places, unnoticed birds, other test places",
    )


def _add_cache(group: Group) -> None:
    parser = _command(
        group, "cache", commands.cache,
        "turn the training recordings into 8-bit pictures; run again after an interruption, it goes on",
        "cache birdclef-2023 runs/cache --preset mel32 --labels 9",
    )  # fmt: skip
    parser.add_argument("competition", type=reached, help="competition folder with train_metadata.csv and train_audio/")
    parser.add_argument("out", type=reached, help="folder for the pictures, new or a cache to complete")
    parser.add_argument("--preset", type=_PRESET, help="pictures: mel16, mfcc16, mel32 (default) or logmel128")
    parser.add_argument(
        "--labels",
        help="birds: all (default), the first N in the table, or a list a,b,c (a label that is a number is that label)",
    )
    parser.add_argument("--step", type=number(0, 5), help="seconds from one 5 s window to the next (default: 5)")
    parser.add_argument("--overrides", type=given_file, help="corrections from a report: windows it moves are moved")
    parser.add_argument("--pack", action="store_true", help="end with one archive a bird, read without unpacking")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="let the workers of a Dask cluster do it")
    _add_jobs(parser)
    _add_config(parser, "labels and [features]")


def _add_train(group: Group) -> None:
    parser = _command(
        group, "train", training_commands.train,
        "train a network on a cache, measure it on recordings held out, and write its bundle; interrupted, it goes on",
        "train runs/cache runs/bundle --recipe modern",
    )  # fmt: skip
    parser.add_argument("cache", type=reached, help="folder written by `cache`")
    parser.add_argument("out", type=place, help="folder for the bundle, new or one to replace")
    parser.add_argument(
        "--recipe", type=_RECIPE, help="how it is trained: classic (default) or modern, for logmel128 pictures"
    )
    parser.add_argument("--model", help="network: classic, resnet, efficientnetb0, … (default: the recipe's)")
    parser.add_argument(
        "--weights", type=given_file, help="file to begin a network of keras.applications with, saved without its top"
    )
    parser.add_argument(
        "--epochs", type=_COUNT, help="passes over the training segments, at most (default: the recipe's)"
    )
    parser.add_argument("--batch-size", type=_COUNT, help="segments a step (default: 32)")
    parser.add_argument("--learning-rate", type=number(0), help="largest step (default: the recipe's)")
    parser.add_argument(
        "--patience", type=_COUNT, help="epochs without progress before it stops (default: the recipe's)"
    )
    parser.add_argument("--loss", type=_LOSS, help="cross_entropy, binary or focal (default: the recipe's)")
    parser.add_argument(
        "--without", default="", metavar="A,B", help="parts of the recipe to leave out, such as mixup,noise"
    )
    parser.add_argument(
        "--validation-share",
        type=_SHARE,
        help="share of the recordings held out; 0 trains on all (default: 0.2)",
    )
    parser.add_argument("--folds", type=whole(2), help="train so many networks, each with another part held out")
    parser.add_argument("--fold", type=_COUNT, help="train only this one of them, counted from 1")
    parser.add_argument(
        "--overrides",
        type=given_file,
        help="corrections from a report: segments dropped, named anew, with more birds, moved",
    )
    parser.add_argument(
        "--before", type=place,
        help="bundle before the corrections, measured beside the new one (default: the one that OUT holds)",
    )  # fmt: skip
    parser.add_argument(
        "--decoders", action="store_true", help="train decoders in the same go, as `train-decoders` does"
    )
    parser.add_argument("--seed", type=_SEED, help="of weights and order (default: 111)")
    parser.add_argument("--split-seed", type=_SEED, help="of which recordings are held out (default: 111)")
    _add_config(parser, "[training] and [decoding]")


def _add_runs(group: Group) -> None:
    parser = _command(
        group, "runs", training_commands.runs, "list the trainings below a folder side by side", "runs runs",
    )  # fmt: skip
    parser.add_argument("folder", type=place, help="folder with bundles somewhere below it")
    parser.add_argument("--json", action="store_true", help="print them as JSON")


def _add_train_decoders(group: Group) -> None:
    parser = _command(
        group, "train-decoders", training_commands.train_decoders,
        "teach one small network a layer to redraw the input; interrupted, it goes on when run again",
        "train-decoders runs/bundle runs/cache",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("cache", type=reached, help="the cache it was trained on")
    parser.add_argument("--epochs", type=_COUNT, help="passes over the training segments, at most (default: 30)")
    parser.add_argument("--seed", type=_SEED, help="of weights and order (default: 111)")
    _add_config(parser, "[decoding]")


def _add_explain(group: Group) -> None:
    parser = _command(
        group, "explain", commands.explain,
        "work backwards from every layer and every bird's name to pictures and sounds, measured",
        "explain runs/bundle runs/cache runs/explanation --examples 12",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("cache", type=reached, help="the cache it was trained on")
    parser.add_argument("out", type=place, help="folder for the explanation")
    parser.add_argument("--examples", type=_COUNT, help="held-out segments to choose (default: 12)")
    parser.add_argument(
        "--segment", action="append", default=[], metavar="RECORDING@SECONDS", help="explain this segment (repeatable)"
    )  # fmt: skip
    parser.add_argument(
        "--audio", action="append", default=[], type=place, help="explain your own sound file (repeatable)"
    )
    parser.add_argument("--seeds", type=_COUNT, help="searches for each bird's answer (default: 3)")
    parser.add_argument("--sheets", type=_COUNT, help="segments of the training data to show, at most (default: 500)")
    parser.add_argument(
        "--presets", default="", metavar="A,B",
        help="features to compare besides mel16, mfcc16, mel32 and the bundle's own (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--competition", type=place, help="folder of the real sound (default: the one the cache was made from)"
    )
    parser.add_argument("--second", type=place, help="bundle of another network (default: train one and keep it)")
    _add_config(parser, "[showing]")


def _add_compare(group: Group) -> None:
    parser = _command(
        group, "compare", commands.compare,
        "set features side by side on the same segments: pictures, rebuilt sounds, measures",
        "compare birdclef-2023 runs/comparison --presets logmel128",
    )  # fmt: skip
    parser.add_argument("competition", type=reached, help="competition folder with train_metadata.csv and train_audio/")
    parser.add_argument("out", type=place, help="folder for the comparison")
    parser.add_argument(
        "--presets", default="logmel128", metavar="A,B",
        help="besides the notebook's mel16, mfcc16 and mel32 (default: logmel128)",
    )  # fmt: skip
    parser.add_argument("--bird", help="label of the bird to show (default: the one with most recordings)")


def _add_report(group: Group) -> None:
    parser = _command(
        group, "report", commands.report,
        "render an explanation as a web page that works from disk", "report runs/explanation report.html --single-file",
    )  # fmt: skip
    parser.add_argument("explanation", type=place, help="folder written by `explain`")
    parser.add_argument("out", type=place, help="the page, a name that ends in .html")
    parser.add_argument("--single-file", action="store_true", help="put pictures and sounds inside the page")


def _add_infer(group: Group) -> None:
    parser = _command(
        group, "infer", commands.infer,
        "name the birds in every 5 seconds of the test soundscapes and write the submission",
        "infer runs/bundle birdclef-2023 submission.csv --deadline 110",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("competition", type=reached, help="competition folder with test_soundscapes/")
    parser.add_argument("out", type=place, help="the submission to write; a log stands beside it")
    parser.add_argument("--deadline", type=number(0), metavar="MINUTES", help="stop computing in time to end by then")
    parser.add_argument(
        "--events", type=place, metavar="CSV",
        help="also write when each bird sings: onset, offset, bird, score (networks with attention over time)",
    )  # fmt: skip


def _add_score(group: Group) -> None:
    parser = _command(
        group, "score", commands.score,
        "measure a submission against the truth", "score submission.csv runs/sample/truth.csv",
    )  # fmt: skip
    parser.add_argument("submission", type=place, help="the submission")
    parser.add_argument("truth", type=place, help="a table of the same shape with 0 and 1")
    parser.add_argument("--json", action="store_true", help="print all measures as JSON")


def _add_rehearse(group: Group) -> None:
    parser = _command(
        group, "rehearse", commands.rehearse,
        "rehearse the whole day on Kaggle on this machine, with the real `kaggle` program and no network",
        "rehearse birdclef-2023 runs/rehearsal --hidden 20",
    )  # fmt: skip
    parser.add_argument("competition", type=place, help="competition folder")
    parser.add_argument("out", type=place, help="folder for it, new or of an earlier rehearsal")
    parser.add_argument(
        "--layout",
        type=_LAYOUT,
        default="2026",
        help="where inputs are mounted: 2026 (default), 2025 or both",
    )
    parser.add_argument(
        "--hidden", type=whole(0, 1000), default=0, help="ten-minute soundscapes of the hidden run (default: none)"
    )
    parser.add_argument("--deadline", type=number(0), metavar="MINUTES", help="of the hidden run (default: 110)")
    parser.add_argument(
        "--config", type=given_file, help="TOML file for the dataset: labels, [features], [training], [decoding]"
    )


def _add_jobs(parser: Parser) -> None:
    cores = os.cpu_count() or 1
    parser.add_argument("--jobs", type=whole(1, 1024), default=cores, help=f"processes (default: one a core, {cores})")


def _add_config(parser: Parser, what: str) -> None:
    parser.add_argument("--config", type=given_file, help=f"TOML file with {what}; flags win over it")


COMMANDS: tuple[Callable[[Group], None], ...] = (
    _add_dry_run,
    _add_sample,
    _add_cache,
    _add_train,
    _add_runs,
    _add_train_decoders,
    _add_explain,
    _add_compare,
    _add_report,
    _add_infer,
    _add_score,
    _add_rehearse,
)
