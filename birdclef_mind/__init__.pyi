from .backwards.anatomy import Anatomy, read_anatomy
from .backwards.bundle_decoders import load_decoders, train_bundle_decoders
from .backwards.decoders import train_decoders
from .backwards.reconstruction import Backwards, read_backwards
from .backwards.settings import Decoding
from .commands.config import Config
from .commands.runs import list_runs
from .data.cache import Cache, open_cache
from .data.competition import Competition, open_competition
from .data.labels import Classes, choose_labels
from .data.overrides import corrected, read_overrides
from .data.sample import Sample, write_sample
from .data.scoring import read_submission, score
from .data.write_cache import write_cache
from .errors import BirdclefMindError
from .explanation.explain import Explaining, explain
from .explanation.report.page import write_report
from .kaggle.write_submission import write_submission
from .networks.bundle import Bundle, load
from .networks.bundle_tables import read_history, read_species, read_validation
from .networks.events import read_events, write_events
from .networks.predictor import Predictor
from .networks.settings import Network
from .sound.settings import PRESETS, Features, Windowing
from .training.origin import Extras
from .training.recipe import Augmentation, Training, recipe
from .training.train import train
from .training.train_folds import train_folds

__version__: str

__all__ = [
    "PRESETS",
    "Anatomy",
    "Augmentation",
    "Backwards",
    "BirdclefMindError",
    "Bundle",
    "Cache",
    "Classes",
    "Competition",
    "Config",
    "Decoding",
    "Explaining",
    "Extras",
    "Features",
    "Network",
    "Predictor",
    "Sample",
    "Training",
    "Windowing",
    "choose_labels",
    "corrected",
    "explain",
    "list_runs",
    "load",
    "load_decoders",
    "open_cache",
    "open_competition",
    "read_anatomy",
    "read_backwards",
    "read_events",
    "read_history",
    "read_overrides",
    "read_species",
    "read_submission",
    "read_validation",
    "recipe",
    "score",
    "train",
    "train_bundle_decoders",
    "train_decoders",
    "train_folds",
    "write_cache",
    "write_events",
    "write_report",
    "write_sample",
    "write_submission",
]
