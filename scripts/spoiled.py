#!/usr/bin/env python3
"""Whether an audit finds what is wrong with training data, and whether mending it helps: data is spoiled, and audited.

`python scripts/spoiled.py WORK COMPETITION --listener MODEL` names a tenth of the recordings otherwise, adds a hum or a
voice to a twentieth, and puts copies of 3 % of them under other names; trains a network on the competition, one on the
spoiled copy, has the copy audited with and without the listener, accepts all that is suggested, trains once more, and
scores the three on the competition's test soundscapes with `truth.csv`. WORK/results.json holds what was found. Run
again, it goes on. With `--page docs/measurements.md --tables TITLE=WORK …` it writes the tables of several such folders
there instead.
"""

import csv
import json
import shutil
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from benchmarks import page
from benchmarks.trials import answered, each_once, learned, run, trained, trial_parser, write_tables

SHARES = {"label": 0.10, "foreign": 0.05, "copy": 0.03}
FOREIGN = ("hum", "voice")
LOUDER_DB = (0.0, 6.0)
KINDS = ("label", "copy", *FOREIGN)
TABLE = "train_metadata.csv"
# Less is what another seed changes.
LEAST_LOST = 0.02
WORDS = """\
Written by `scripts/spoiled.py` on {date}. A tenth of the training recordings was named otherwise, a twentieth got a hum
or a voice as loud as itself or up to 6 dB louder, and copies of 3 % were put under another name. *First N*: of the
first N of a kind that the audit lists, N being how many were spoiled so, the share that was; *all but labels* together.
A wrong name that is a copy's counts as a copy. *Mean average precision* on the test soundscapes: of the network trained
on the data as they are, spoiled, and mended by accepting all that the audit suggests of these kinds."""


def spoil(root, out, seed):
    """A copy of a competition that is spoiled, with `spoiled.csv`: kind, recording, what it was."""
    from birdclef_mind.storage.tables import read_frame

    rng = np.random.default_rng(seed)
    table = read_frame(root / TABLE, tuple(read_columns(root / TABLE)))
    by_label = {label: own.iloc[0] for label, own in table.groupby("primary_label")}
    counts = [round(share * len(table)) for share in SHARES.values()]
    order = rng.permutation(len(table))[: sum(counts)]
    chosen = dict(zip(SHARES, np.split(order, np.cumsum(counts)[:2]), strict=True))
    out.mkdir(parents=True)
    for path in [*root.glob("*.csv"), root / "test_soundscapes"]:
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, out / path.name)
    rows, told = [], []
    for place, row in enumerate(row for _, row in table.iterrows()):
        source, row = root / "train_audio" / row["filename"], row.copy()
        if place in chosen["label"]:
            told.append(("label", *renamed(row, by_label, rng)))
        (out / "train_audio" / row["filename"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out / "train_audio" / row["filename"])
        rows.append(row)
        if place in chosen["foreign"]:
            cue = str(rng.choice(FOREIGN))
            write(out, row["filename"], *with_cue(source, cue, rng))
            told.append((cue, row["filename"], ""))
        if place in chosen["copy"]:
            rows.append(copy_of(row.copy(), source, out, by_label, rng))
            told.append(("copy", rows[-1]["filename"], row["filename"]))
    type(table)(rows).to_csv(out / TABLE, index=False)
    with (out / "spoiled.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("kind", "filename", "was"), *told])


def read_columns(path):
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def renamed(row, by_label, rng, name=None):
    """Give a row another label; its new file name and its old label."""
    was = row["primary_label"]
    label = str(rng.choice([one for one in by_label if one != was]))
    for column in ("primary_label", "scientific_name", "common_name"):
        if column in row:
            row[column] = by_label[label][column]
    row["filename"] = f"{label}/{name or Path(row['filename']).name}"
    return row["filename"], was


def with_cue(source, cue, rng):
    """A recording's samples with a cue, and their rate."""
    from birdclef_mind.sound import audio
    from birdclef_mind.sound.cues import make_cue

    rate_hz = audio.read_header(source).sample_rate_hz
    sound = audio.read_audio(source, rate_hz).astype(float)
    size = max(np.sqrt(np.mean(np.square(sound))), 0.01) * 10 ** (rng.uniform(*LOUDER_DB) / 20)
    sound += make_cue(cue, sound.size, rate_hz, rng).samples * size
    return sound * min(1.0, 0.99 / np.abs(sound).max()), rate_hz


def copy_of(row, source, out, by_label, rng):
    """A row under another label whose recording is a copy: begun elsewhere, and softer."""
    from birdclef_mind.sound import audio

    row["author"] = "somebody else"
    renamed(row, by_label, rng, f"copy-{source.stem}.ogg")
    rate_hz = audio.read_header(source).sample_rate_hz
    sound = np.roll(audio.read_audio(source, rate_hz), -int(rng.uniform(0.1, 0.4) * rate_hz))
    (out / "train_audio" / row["filename"]).parent.mkdir(parents=True, exist_ok=True)
    write(out, row["filename"], sound * rng.uniform(0.5, 0.9), rate_hz)
    return row


def write(out, name, samples, rate_hz):
    from birdclef_mind.sound import audio

    (out / "train_audio" / name).write_bytes(audio.ogg_bytes(np.asarray(samples, np.float32), rate_hz))


def found_first(audit, spoiled):
    """Of each kind how many were spoiled, and the share of right ones among as many that are listed first."""
    with (spoiled / "spoiled.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["filename"]: row["kind"] for row in csv.DictReader(file)}
    with (audit / "audit.csv").open(newline="", encoding="utf-8") as file:
        lines = {row["rank"]: row for row in reversed(list(csv.DictReader(file)))}
    listed = [lines[rank] for rank in sorted(lines, key=int)]
    planted, told = Counter(truth.values()), {}
    for name, kinds in (*((kind, (kind,)) for kind in KINDS), ("all but labels", KINDS[1:])):
        wanted = sum(planted[kind] for kind in kinds)
        own = [truth.get(row["recording"]) == row["kind"] for row in listed if row["kind"] in kinds]
        if wanted:
            told[name] = {"spoiled": wanted, "listed": len(own), "first": float(np.mean(own[:wanted])) if own else 0.0}
    return told


def score(bundle, competition):
    """Mean average precision of a bundle on a competition's test soundscapes."""
    submission = bundle / "submission.csv"
    run("infer", bundle, competition, submission)
    scores = json.loads(answered("score", submission, competition / "truth.csv", "--json"))
    return scores["segments"]["mean_average_precision"]


def work_through(args):
    results = each_once(args.work, map(str, args.seeds), lambda seed: one_seed(args, int(seed)))
    for line in table(results):
        print(line)


def one_seed(args, seed):
    spoiled = args.work / f"spoiled-{seed}"
    if not (spoiled / "spoiled.csv").is_file():
        shutil.rmtree(spoiled, ignore_errors=True)
        spoil(args.competition, spoiled, seed)
    clean, _ = trained(args.work, "clean", args.competition, args, seed)
    bundle, cache = trained(args.work, f"spoiled-{seed}", spoiled, args, seed)
    told, asked = {}, {"alone": (), "with a listener": ("--listener", args.listener)}
    for name, more in asked.items() if args.listener else [("alone", ())]:
        audit = args.work / f"audit-{seed}-{name.split()[0]}"
        run("audit", bundle, cache, audit, *more, "--accept", ",".join(KINDS))
        told[name] = found_first(audit, spoiled)
        print(f"seed {seed}, {name}: {told[name]}", flush=True)
    mended = learned(
        cache,
        args.work / f"mended-bundle-{seed}",
        args,
        seed,
        "--overrides",
        audit / "overrides.csv",
        "--before",
        bundle,
    )
    scores = [score(one, args.competition) for one in (clean, bundle, mended)]
    print(f"seed {seed}: {scores}", flush=True)
    return {"found": told, "scores": scores}


def table(results):
    """Lines of Markdown: what was found of each kind, and the scores, over all seeds."""
    asked = list(dict.fromkeys(name for one in results.values() for name in one["found"]))
    head = ["", *(f"first N, {name}" for name in asked)]
    kinds = list(dict.fromkeys(kind for one in results.values() for own in one["found"].values() for kind in own))
    rows = [[kind, *(found_cell(results, name, kind) for name in asked)] for kind in kinds]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
    clean, spoiled, mended = np.mean([one["scores"] for one in results.values()], axis=0)
    each = "; ".join(", ".join(f"{value:.3f}" for value in one["scores"]) for one in results.values())
    lost = clean - spoiled
    back = (
        f"{(mended - spoiled) / lost:.0%} of what was lost came back"
        if lost >= LEAST_LOST
        else "next to nothing was lost"
    )
    return [
        *lines, "",
        f"Mean average precision: {clean:.3f} as the data are, {spoiled:.3f} spoiled, {mended:.3f} mended, so that "
        f"{back} (each seed: {each}).",
    ]  # fmt: skip


def found_cell(results, name, kind):
    own = [one["found"][name][kind] for one in results.values() if kind in one["found"].get(name, {})]
    if not own:
        return "–"
    return f"{np.mean([one['first'] for one in own]):.2f} of {sum(one['spoiled'] for one in own)}"


def write_page(args):
    write_tables(args, page.SPOILED, WORDS.format(date=f"{date.today():%d %B %Y}"), table)


def main():
    parser = trial_parser(__doc__)
    parser.add_argument("competition", type=Path, nargs="?", help="with test soundscapes and truth.csv")
    parser.add_argument("--listener", type=Path)
    parser.add_argument("--preset", default="logmel128")
    parser.add_argument("--recipe", default="modern")
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()
    write_page(args) if args.page else work_through(args)


if __name__ == "__main__":
    main()
