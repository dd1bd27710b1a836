"""Results as lines for people, and lists as they are typed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from birdclef_mind.checks import some_of

if TYPE_CHECKING:
    from birdclef_mind.commands.runs import Run
    from birdclef_mind.training.train_folds import FoldsReport

# Of what may be wrong so much is said at the end; the rest is in the table.
_LIKELIEST = 5
_LIKENESS = ("told_apart", "same_likeness", "different_likeness")


def names_in(text: str) -> tuple[str, ...]:
    """The names of a list.

    >>> names_in("mel16, mfcc16")
    ('mel16', 'mfcc16')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def counted(number: int, thing: str) -> str:
    """A number and what it counts.

    >>> counted(1, "recording"), counted(2, "recording")
    ('1 recording', '2 recordings')
    """
    return f"{number} {thing}" + ("" if number == 1 else "s")


def audit_lines(suspects: Mapping[str, Any]) -> list[str]:
    """How much of each kind may be wrong, beside what was so before corrections, and the likeliest ones."""
    before = suspects.get("before")
    kinds = [kind for kind in suspects["kind_words"] if suspects["counts"][kind] or (before and before[kind])]
    lines = [
        f"{suspects['counts'][kind]:>5}  {kind:<9} {suspects['kind_words'][kind]}"
        + (f" (before the corrections {before[kind]})" if before else "")
        for kind in kinds
    ]
    lines = lines or ["nothing looks wrong"]
    for one in suspects["found"][:_LIKELIEST]:
        window = one["windows"][0]
        lines.append(f"{one['chance']:.2f}  {window['recording']} at {window['start_s']:g} s: {one['reason']}")
    return [*lines, *(f"{note}." for note in suspects["notes"])]


def fidelity_lines(facts: Mapping[str, Any]) -> list[str]:
    """The fidelity table for people, and a line for each way to a bird's answer.

    By tap and method: correlation and same answer, beside the random twin's, and how often the second network agrees.
    """
    fidelity = facts["fidelity"]
    lines = [
        f"{fidelity['segments']} segments of {fidelity['recordings']} recordings; the random twin's in brackets",
        f"{'from':<22}{'method':<12}{'correlation':>18}{'same answer':>18}{'second agrees':>15}",
    ]
    for layer in fidelity["layers"]:
        for method, entry in layer["methods"].items():
            own, twin = entry["measures"], entry.get("twin", {})
            cells = [
                f"{own[name]['mean']:.2f} ({twin[name]['mean']:.2f})" if twin else f"{own[name]['mean']:.2f}"
                for name in ("correlation", "recognised")
            ]
            second = _share(own, "recognised_by_second")
            lines.append(f"{layer['tap'][:21]:<22}{method:<12}{cells[0]:>18}{cells[1]:>18}{second:>15}")
    mean = fidelity["mean_picture"]
    lines.append(
        f"{'mean picture':<34}{mean['correlation']['mean']:>18.2f}{mean['recognised']['mean']:>18.2f}"
        f"{_share(mean, 'recognised_by_second'):>15}"
    )
    lines += [
        f"answers by {_way(entry)}: {entry['recognised']} of {entry['classes']} recognised, "
        f"{entry['recognised_by_second']} by the independent network"
        for entry in facts["answers"]["summary"]
    ]
    return [*lines, *facts["skipped"].values()]


def _share(measures: Mapping[str, Any], name: str) -> str:
    return f"{measures[name]['mean']:.2f}" if name in measures else "–"


def _way(entry: Mapping[str, Any]) -> str:
    """How an answer was found, and its seed."""
    return str(entry["way"]) + ("" if entry["seed"] is None else f", seed {entry['seed']}")


def judge_lines(facts: Mapping[str, Any]) -> list[str]:
    """What a judge named right, for people: examples' sounds, with other species' in brackets; none without a judge."""
    judge = facts.get("judge")
    if judge is None:
        return []
    pairs = [("the recording", judge["recording"]), ("its features", judge["features"])]
    pairs += [(f"{way['tap'][:21]:<22}{way['method']}", way) for way in judge["layers"]]
    rows = [(words, pair["own"], pair["other"]) for words, pair in pairs]
    rows.append(("mean picture", judge["mean_picture"]["judged"], None))
    lines = ["", f"named first by {judge['name']} among {judge['species']:,}; asked for another species in brackets"]
    for words, own, other in rows:
        if own:
            beside = f" ({other['named']['mean']:.2f})" if other else ""
            share = f"{own['named']['mean']:.2f}{beside}"
            lines.append(f"{words:<34}{share:>18}{own['score']['mean']:>12.2f} mean score")
    lines += [
        f"answers by {_way(entry)}: {entry['named_by_judge']} of {entry['judged']} named first"
        for entry in facts["answers"]["summary"]
    ]
    if judge["unknown"]:
        lines.append(f"{judge['name']} does not know {some_of(judge['unknown'])}, which is left out")
    return lines


def found_lines(held_out: Mapping[str, Any] | None, scores: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What a whole run found, in a few sentences for people."""
    chance = 1 / max(1, scores["segments"]["classes"])
    lines = [f"found, where guessing names {chance:.0%} right:"]
    if held_out:
        segments = held_out["segments"]
        lines.append(f"  of {counted(segments['rows'], 'held-out segment')} it names {segments['top1']:.0%} right")
    segments = scores["segments"]
    lines.append(
        f"  in the test soundscapes it names {segments['top1']:.0%} right, at a padded cmAP of "
        f"{segments['padded_cmap']:.3f} ({segments['padded_cmap_of_constant']:.3f} for equal scores)"
    )
    layer = facts["fidelity"]["layers"][-1]
    own = layer["methods"].get("decoder")
    if own and "twin" in own:
        same, twin = own["measures"]["recognised"]["mean"], own["twin"]["recognised"]["mean"]
        lines.append(
            f"  redrawn from its last layer, {layer['tap']}, pictures are called the same in {same:.0%} "
            f"({twin:.0%} from a twin of random weights)"
        )
    return lines


def comparison_lines(facts: Mapping[str, Any]) -> list[str]:
    """The measures of a comparison of features, for people."""
    lines = [f"{'features':<12}{'told apart':>12}{'same bird':>11}{'others':>8}{'sound error':>13}{'bytes':>8}"]
    for setup in facts["setups"]:
        shares = ["–" if setup[key] is None else f"{setup[key]:.3f}" for key in _LIKENESS]
        lines.append(
            f"{setup['name']:<12}{shares[0]:>12}{shares[1]:>11}{shares[2]:>8}{setup['sound_error']:>13.2f}"
            f"{setup['bytes']:>8}"
        )
    return lines


def change_lines(scores: Mapping[str, Any]) -> list[str]:
    """What corrections changed, for people: the measures before and after, on the same segments; none without any."""
    changed = scores.get("corrected")
    if not changed:
        return []
    before, after = changed["before"]["segments"], changed["after"]["segments"]
    lines = [
        "",
        f"on {counted(changed['segments'], 'held-out segment')} as corrected, before → after",
        *(
            f"{name:<16}{before[key]:>10.3f} → {after[key]:.3f}"
            for name, key in (("top-1", "top1"), ("padded cmAP", "padded_cmap"), ("mAP", "mean_average_precision"))
        ),
    ]
    return [*lines, f"{counted(len(changed['answers']), 'segment')} called another bird than before"]


def honesty_lines(scores: Mapping[str, Any]) -> list[str]:
    """How honest scores are, for people; none where that is not measured."""
    found = scores.get("calibration")
    if not found:
        return []
    return ["", f"calibration error  {found['error_before']:.3f} as scored, {found['error_after']:.3f} calibrated"]


def fold_words(report: "FoldsReport", folds: int) -> str:
    """What a cross-validation did, for people."""
    words = f"{counted(len(report.trained), 'fold')} trained"
    words += f", {counted(len(report.kept), 'fold')} there already" if report.kept else ""
    if report.missing:
        left = ("fold " if len(report.missing) == 1 else "folds ") + ", ".join(map(str, report.missing))
        words += f"; {left} of {folds} to come, with which the bundle of all is written"
        return words + "".join(f"; fold {number} there was trained in another way" for number in report.unlike)
    return f"{words}; one bundle of {folds} members"


def run_lines(runs: "Sequence[Run]") -> list[str]:
    """Trainings for people, one a line."""
    header = ("bundle", "written", "network", "loss", "epoch", "seed", "pictures", "birds", "top-1", "cmAP", "mAP")
    rows: list[tuple[str, ...]] = [header]
    for run in runs:
        network = run.network + (f" × {run.members}" if run.members > 1 else "")
        measures = (run.top1, run.padded_cmap, run.mean_average_precision)
        figures = tuple("–" if value is None else f"{value:.3f}" for value in measures)
        settings = (run.loss, run.epochs, str(run.seed), run.features, str(run.birds))
        rows.append((run.folder, run.written, network, *settings, *figures))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def score_lines(scores: Mapping[str, Any]) -> list[str]:
    """Measures for people, the competition's own first: segments beside whole recordings, and what a constant scores.

    Then up to forty birds.
    """
    from birdclef_mind.data.metrics import OF_YEARS

    segments, recordings = scores["segments"], scores["recordings"]
    own = scores.get("metric", "padded_cmap")
    keys = sorted(OF_YEARS, key=lambda key: key != own)
    lines = [
        f"{'':<18}{'segments':>10}{'recordings':>12}{'a constant':>12}",
        f"{'rows':<18}{segments['rows']:>10}{recordings['rows']:>12}",
    ]
    for key in keys:
        levels = [_figure(level.get(key)) for level in (segments, recordings)]
        floor = _figure(segments.get(f"{key}_of_constant"))
        lines.append(f"{OF_YEARS[key]:<18}{levels[0]:>10}{levels[1]:>12}{floor:>12}" + _marks(key, own, segments))
    for name, key in (("top-1", "top1"), ("mAP", "mean_average_precision")):
        lines.append(f"{name:<18}{segments[key]:>10.3f}{recordings[key]:>12.3f}")
    heard = [bird for bird in segments["per_class"] if bird["positives"]]
    lines.append("")
    lines.append(f"{'label (segments)':<16}{'rows':>6}{'precision':>11}{'recall':>8}{'F1':>7}{'AP':>7}{'AUC':>7}")
    lines += [
        f"{bird['label']:<16}{bird['positives']:>6}{bird['precision']:>11.3f}{bird['recall']:>8.3f}"
        f"{bird['f1']:>7.3f}{bird['average_precision']:>7.3f}{_figure(bird.get('roc_auc')):>7}"
        for bird in heard[:40]
    ]
    unheard = len(segments["per_class"]) - len(heard)
    if len(heard) > 40 or unheard:
        lines.append(f"({max(0, len(heard) - 40)} more with rows, {unheard} without)")
    lines.append("precision, recall and F1 count the surest label of each row alone")
    return lines


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _marks(key: str, own: str, segments: Mapping[str, Any]) -> str:
    """What is said behind a measure: that it is the competition's, and of how many classes it is the mean."""
    marks = ["the competition's measure"] if key == own else []
    if key == "roc_auc" and "roc_auc_classes" in segments:
        marks.append(f"of {segments['roc_auc_classes']} among {segments['classes']} that are heard")
    return f"   ({', '.join(marks)})" if marks else ""
