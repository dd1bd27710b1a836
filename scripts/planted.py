#!/usr/bin/env python3
"""Whether explanations find a cause that is known: cues are planted, networks trained, and every method is asked.

`python scripts/planted.py WORK COMPETITION --species LABEL …` plants each cue in the training recordings of one of
these species, with the next seed in those of the next; trains a network on the copy and one on the competition itself,
and writes WORK/results.json: how far the maps of every method, and of every control, point into the places where the
cue stands, where the network demonstrably uses it. Run again, it goes on. With `--page docs/measurements.md --tables
TITLE=WORK …` it writes the tables of several such folders there instead.
"""

import functools
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from benchmarks import page
from benchmarks.trials import each_once, run, trained, trial_parser, write_tables

CUES = ("hum", "beep", "voice", "click", "band")
# A cue is used where without it the score of the species falls by at least so much.
USED = 0.3
# Segments of the species, and as many of others, in which the cue is looked for; of those that use it so many are
# asked about, and by networks that are out of order.
MOST, ASKED, CASCADED = 24, 6, 3
# A method finds a cue that gathers so many times the share of its area, and points there so often.
FOUND_ENERGY, FOUND_POINTING = 4.0, 0.85
WORDS = """\
Written by `scripts/planted.py` on {date}. A column a cue: of how many segments with it, half of them of other
species, the score of the planted one falls by at least {used:g} when the cue is taken away, of all seeds; then,
over at most {asked} of these a seed, the energy of a map inside the cue's boxes over their share of the picture,
and how often its highest place lies in one; in brackets the same of a network that was trained without the cue,
asked about the same sounds."""


def segments_with_cue(bundle, cache, planted, original, species):
    """Segments with the cue: (samples with it, samples without, boxes, recordings), held-out recordings first."""
    from birdclef_mind.data.plant import boxes, read_planted
    from birdclef_mind.data.real_sounds import real_sounds
    from birdclef_mind.evidence.proof import boxes_to_map

    table = read_planted(planted)
    carrying = set(table["filename"])
    rows = [row for row in cache.rows if row.label == species and row.recording in carrying]
    held_out = set(bundle.record.validation_recordings)
    rows = sorted(rows, key=lambda row: row.recording not in held_out)
    length_s = cache.features.windowing.length_s
    inside = [boxes(table, row.recording, row.start_s, length_s) for row in rows]
    chosen = [place for place, own in enumerate(inside) if own][:MOST]
    rows = [rows[place] for place in chosen]
    with_cue, without = (np.stack(real_sounds(rows, root, cache.features, {})) for root in (planted, original))
    maps = np.stack([boxes_to_map(inside[place], cache.features) for place in chosen])
    return with_cue, without, maps, [row.recording for row in rows]


def strangers(bundle, cache, competition, species, cue, level_db):
    """Segments of other species, held out where any are, to which the cue is added: as of `segments_with_cue`."""
    from birdclef_mind.data.real_sounds import real_sounds
    from birdclef_mind.evidence.proof import boxes_to_map
    from birdclef_mind.explanation.examples import evenly
    from birdclef_mind.sound.cues import make_cue

    held_out = set(bundle.record.validation_recordings)
    others = [row for row in cache.rows if row.label and row.label != species]
    own = [row for row in others if row.recording in held_out] or others
    rows = list(evenly(own, MOST))
    features, rng = cache.features, np.random.default_rng(0)
    without = np.stack(real_sounds(rows, competition, features, {}))
    with_cue, maps = without.copy(), []
    for sound in with_cue:
        made = make_cue(cue, sound.size, features.sample_rate_hz, rng)
        sound += made.samples * np.sqrt(np.mean(np.square(sound))) * 10 ** (level_db / 20)
        maps.append(boxes_to_map([(*span, *made.band_hz) for span in made.spans_s], features))
    return with_cue, without, np.stack(maps), [row.recording for row in rows]


def methods(asked, decoder, twin, features, groups):
    """Maps (n, bands, frames) by every method and control, each with its name."""
    from birdclef_mind.evidence import controls, maps
    from birdclef_mind.evidence.asked import asked_of
    from birdclef_mind.evidence.masks import USUAL, as_heard, find_masks, intensity
    from birdclef_mind.evidence.where import last_map, where_maps

    masks, decoded, anatomy = find_masks(asked), decoder.masks(asked), decoder.anatomy
    yield "mask", masks
    loud = intensity(asked.bands, features)
    heard = as_heard(masks, loud)
    yield "mask, weighed by how loud each place is heard", heard
    yield "mask by a trained decoder (L-MAC)", decoded
    yield "mask by a trained decoder, weighed", as_heard(decoded, loud)
    begun = find_masks(asked, replace(USUAL, steps=10), begin=decoded)
    yield "searched from there in ten steps", begun
    yield "searched from there, weighed", as_heard(begun, loud)
    yield "gradient × input", maps.gradient_times_input(asked)
    yield "integrated gradients", maps.integrated_gradients(asked)
    yield "Grad-CAM", maps.grad_cam(asked, anatomy, last_map(anatomy))
    occluded = maps.occlusion(asked)
    yield "occlusion", occluded
    yield "mask, weighed, where occlusion agrees", heard * np.maximum(occluded, 0)
    yield "mask, weighed, where Grad-CAM agrees", where_maps(asked, anatomy, masks)
    yield "surrogate", maps.surrogate(asked)
    yield "control: random", controls.random_maps(asked.bands.shape)
    yield "control: loudness", controls.loudness_maps(asked.bands, features)
    yield "control: another's mask", controls.anothers(masks, groups)
    yield "control: how loud it is heard", as_heard(np.ones_like(masks), loud)
    yield "control: untrained twin's mask", find_masks(asked_of(twin, asked.front, asked.bands, asked.wanted))


@functools.cache
def decoder_of(bundle, cache):
    """A decoder of masks, trained on what a bundle's network learned from."""
    from birdclef_mind.backwards.anatomy import read_anatomy
    from birdclef_mind.backwards.reconstruction import answer_of
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.evidence.asked import asked_of
    from birdclef_mind.evidence.front import Front
    from birdclef_mind.evidence.mask_decoder import train_mask_decoder
    from birdclef_mind.networks import bundle as bundles

    bundle, cache = bundles.load(bundle), open_cache(cache)
    anatomy, front = read_anatomy(bundle.model), Front(cache.features)
    pictures = cache.pictures(bundles.as_trained(bundle, cache).sides(bundle.record.validation_recordings).learn)
    called = answer_of(anatomy)(pictures.pixels).argmax(axis=1)
    return train_mask_decoder(anatomy, asked_of(anatomy, front, front.bands(pictures), called))


def evaluated(networks, caches, planted, original, species, cue, level_db):
    """How far every method points into the cue, in the network that uses it and in the one that never met it."""
    from birdclef_mind.backwards.reconstruction import answer_of
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.explanation.examples import evenly
    from birdclef_mind.networks import bundle as bundles
    from birdclef_mind.sound.pictures import Pictures, samples_to_pictures

    (bundle, clean), (cache, clean_cache) = map(bundles.load, networks), map(open_cache, caches)
    parts = (
        segments_with_cue(bundle, cache, planted, original, species),
        strangers(clean, clean_cache, original, species, cue, level_db),
    )
    with_cue, without, inside = (np.concatenate([part[number] for part in parts]) for number in range(3))
    groups = [name for part in parts for name in part[3]]
    pictures, bare = (samples_to_pictures(samples, cache.features) for samples in (with_cue, without))
    place = bundle.classes.names.index(species)
    decoders = {"own": decoder_of(networks[0], caches[0]), "clean": decoder_of(networks[1], caches[1])}
    answer = answer_of(decoders["own"].anatomy)
    falls = answer(pictures.pixels)[:, place] - answer(bare.pixels)[:, place]
    used = np.flatnonzero(falls >= USED)
    facts = {
        "species": species, "segments": len(falls), "used": len(used), "falls": float(falls.mean()),
        "of_others": int((used >= len(parts[0][0])).sum()), "methods": {},
    }  # fmt: skip
    if len(used):
        some = np.array(evenly(used, ASKED))
        own_groups = [groups[one] for one in some]
        pictures = Pictures(pictures.pixels[some], pictures.scale[some])
        facts.update(asked_about(decoders, pictures, place, inside[some], own_groups, cache.features))
    return facts


def asked_about(decoders, pictures, place, inside, groups, features):
    """Every method, when, and weights out of order, of segments whose answer for a class at `place` uses a cue."""
    from birdclef_mind.backwards.anatomy import read_anatomy
    from birdclef_mind.backwards.bundle_decoders import random_twin
    from birdclef_mind.evidence.asked import asked_of
    from birdclef_mind.evidence.front import Front
    from birdclef_mind.evidence.measures import alike
    from birdclef_mind.evidence.proof import pointing

    front, rows, found = Front(features), defaultdict(dict), {}
    bands, wanted = front.bands(pictures), np.full(len(inside), place)
    twin = read_anatomy(random_twin(decoders["own"].anatomy.model, 1))
    for name, decoder in decoders.items():
        asked = asked_of(decoder.anatomy, front, bands, wanted)
        for method, maps in methods(asked, decoder, twin, features, groups):
            told = pointing(maps, inside)
            found[name, method] = maps
            rows[method][name] = {"energy": told.energy.tolist(), "pointed": told.pointed.tolist()}
    for method in rows:
        rows[method]["alike"] = alike(found["own", method], found["clean", method]).tolist()
    few = asked_of(decoders["own"].anatomy, front, bands[:CASCADED], wanted[:CASCADED])
    return {
        "methods": rows,
        "when": {
            name: when_inside(decoder.anatomy, pictures.pixels, place, inside) for name, decoder in decoders.items()
        },
        "cascade": cascade(decoders["own"].anatomy, few, found["own", "mask"][:CASCADED]),
    }


def when_inside(anatomy, pixels, place, inside):
    """How much more than others the moments of a cue speak for the species; nothing where an answer is no sum."""
    from birdclef_mind.errors import Obstacle
    from birdclef_mind.evidence.moments import evidence_a_moment
    from birdclef_mind.evidence.proof import evidence_inside

    try:
        ratios = evidence_inside(evidence_a_moment(anatomy, pixels)[:, :, place], inside)
    except Obstacle:
        return []
    return ratios[np.isfinite(ratios)].tolist()


def cascade(anatomy, asked, masks, steps=4):
    """How alike masks are to those of the network with more and more layers put out of order, last ones first."""
    from birdclef_mind.backwards.anatomy import read_anatomy
    from birdclef_mind.evidence.asked import asked_of
    from birdclef_mind.evidence.controls import cascading
    from birdclef_mind.evidence.masks import find_masks
    from birdclef_mind.evidence.measures import alike

    mixed = cascading(anatomy.model)
    found = {}
    for place in np.unique(np.linspace(0, len(mixed) - 1, steps).round().astype(int)):
        name, model = mixed[place]
        other = find_masks(asked_of(read_anatomy(model), asked.front, asked.bands, asked.wanted))
        found[name] = float(alike(masks, other).mean())
    return found


def work_through(args):
    names = [f"{cue} {seed}" for seed in args.seeds for cue in args.cues]
    results = each_once(args.work, names, lambda name: one_cue(args, *name.split()))
    for line in table(results):
        print(line)


def one_cue(args, cue, seed):
    """What every method says of a cue that was planted, with the others in other species, and learned with a seed."""
    place, original = args.cues.index(cue), args.competition
    folders = planted_of(args, int(seed))
    clean, clean_cache = trained(args.work, "clean", original, args, seed)
    bundle, cache = trained(args.work, f"planted-{seed}", folders[-1], args, seed)
    species = species_of(args, int(seed))[place]
    found = evaluated((bundle, clean), (cache, clean_cache), folders[place], original, species, cue, args.level)
    print(f"{cue} {seed}: {found['used']} of {found['segments']} use it in {species}", flush=True)
    return found


def planted_of(args, seed):
    """Copies of the competition, each with one more cue than the one before."""
    folders, last = [], args.competition
    for number, (cue, species) in enumerate(zip(args.cues, species_of(args, seed), strict=True)):
        folders.append(args.work / "planted" / f"{seed}-{number}-{cue}")
        if not (folders[-1] / "planted.csv").is_file():
            run("plant", last, folders[-1], "--cue", cue, "--species", species, "--level", args.level)
        last = folders[-1]
    return folders


def species_of(args, seed):
    """The species that each cue is planted in; the next seed moves all on by one."""
    return [args.species[(place + seed - 1) % len(args.species)] for place in range(len(args.cues))]


def table(results):
    """Lines of Markdown: a row a method, its means over all segments of all seeds by cue."""
    cues = list(dict.fromkeys(name.split()[0] for name in results))
    used = {cue: [results[name] for name in results if name.startswith(cue)] for cue in cues}
    counts = {cue: [sum(one[what] for one in own) for what in ("used", "segments")] for cue, own in used.items()}
    head = ["", *(f"{cue}: {found} of {every}" for cue, (found, every) in counts.items())]
    names = list(dict.fromkeys(method for own in used.values() for one in own for method in one["methods"]))
    rows = [[method, *(cell(own, method) for own in used.values())] for method in names]
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def cell(own, method):
    """Energy and pointing in the network that uses a cue, and in brackets in the one that never met it."""
    told = [one["methods"][method] for one in own if method in one["methods"]]
    if not told:
        return "–"

    def mean(name, what):
        values = np.array([value for one in told for value in one[name][what]], float)
        return float(np.nanmean(values))

    return (
        f"{mean('own', 'energy'):.1f} × {mean('own', 'pointed'):.2f} "
        f"({mean('clean', 'energy'):.1f} × {mean('clean', 'pointed'):.2f})"
    )


def cascade_words(results):
    """A sentence on masks of networks whose weights are out of order."""
    told = [list(one["cascade"].values()) for one in results.values() if one.get("cascade")]
    means = ", ".join(f"{value:.2f}" for value in np.mean(told, axis=0)) if told else "–"
    return f"Masks' correlation with those of the network with more and more layers out of order, last first: {means}."


def when_words(results):
    """A sentence on the moments of cues that come and go; "" where no cue does."""
    told = [one["when"] for one in results.values() if one.get("when", {}).get("own")]
    own, clean = ([value for one in told for value in one[name]] for name in ("own", "clean"))
    if not own:
        return ""
    beside = f" ({np.mean(clean):.1f} × in the one that was trained without)" if clean else ""
    return f"When: moments in which a cue sounds speak {np.mean(own):.1f} × as much for the species as others{beside}."


def write_page(args):
    words = WORDS.format(date=f"{date.today():%d %B %Y}", used=USED, asked=ASKED)
    write_tables(args, page.PLANTED, words, lambda results: [*table(results), "", sentences(results)])


def sentences(results):
    """On weights that are out of order, and on the moments of cues that come and go."""
    return " ".join(filter(None, [cascade_words(results), when_words(results)]))


def main():
    parser = trial_parser(__doc__)
    parser.add_argument("competition", type=Path, nargs="?")
    parser.add_argument("--species", nargs="+", help="whose recordings get a cue each")
    parser.add_argument("--preset", default="logmel128")
    parser.add_argument("--recipe", default="modern")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--level", type=float, default=-10.0)
    parser.add_argument("--cues", nargs="+", default=CUES)
    args = parser.parse_args()
    if not args.page and len(set(args.species or [])) < len(args.cues):
        parser.error("--species: expected at least as many as there are cues, each another")
    write_page(args) if args.page else work_through(args)


if __name__ == "__main__":
    main()
