"""The whole way once on the built-in sample: sample → cache → train → infer → score → decoders → explain."""

from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.backwards.bundle_decoders import train_bundle_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.data.metrics import ByLevel
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.data.sample_tables import TRUTH
from birdclef_mind.data.scoring import score
from birdclef_mind.data.write_cache import write_cache
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.explain import Explaining, explain
from birdclef_mind.explanation.facts import Explanation
from birdclef_mind.explanation.folder import REPORT
from birdclef_mind.explanation.report.page import write_report
from birdclef_mind.kaggle.outputs import refuse_outputs
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks.bundle import load
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import refuse_others, write_own
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.results import Scores
from birdclef_mind.training.train import train


@dataclass(frozen=True)
class DryRun:
    """Where a dry run put its things, and what was found.

    `held_out` are the measures on recordings that were not trained on, None without any; `scores` those of the
    submission; `facts` what its explanation says.
    """

    competition: Path
    cache: Path
    bundle: Path
    submission: Path
    explanation: Path
    held_out: Scores | None
    scores: ByLevel
    facts: Explanation


def dry_run(
    out: Path,
    *,
    sample: Sample = Sample(),
    training: Training = Training(epochs=8),
    decoding: Decoding = Decoding(epochs=8),
    examples: int = 6,
    jobs: int = 1,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> DryRun:
    """Go the whole way in the folder `out`; a sample that is already there is used again."""
    root, cache_folder, bundle_folder = out / "competition", out / "cache", out / "bundle"
    submission, explanation = out / "submission.csv", out / "explanation"
    refuse_outputs(submission)
    refuse_others([out / "scores.json", explanation / REPORT], ConfigError)
    if not (root / TRUTH).is_file():
        say("making the sample")
        write_sample(root, sample)
    opened = open_competition(root)
    classes = choose_labels(opened.labels, "all")
    say("caching its pictures")
    write_cache(opened, classes, PRESETS["mel32"], cache_folder, jobs=jobs, track=track)
    say("training the network")
    cache = open_cache(cache_folder)
    held_out = train(cache, bundle_folder, training, say=say, track=track).scores
    say("naming the birds of its soundscapes")
    bundle = load(bundle_folder)
    write_submission(bundle, root, submission, track=track)
    scores = score(submission, root / TRUTH)
    write_own(out / "scores.json", files.json_text(scores).encode("utf-8"))
    say("teaching decoders to redraw what each layer holds")
    train_bundle_decoders(bundle_folder, bundle, cache, decoding, say=say, track=track)
    # The network may be another one now, of which an earlier explanation has nothing to say.
    wanted = Explaining(examples=examples, seeds=1, metamers=1, replaces=True)
    facts = explain(bundle_folder, cache, explanation, wanted, say=say, track=track)
    write_report(explanation, explanation / REPORT)
    return DryRun(root, cache_folder, bundle_folder, submission, explanation, held_out, scores, facts)
