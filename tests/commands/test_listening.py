"""What the kernels do with a listener that is mounted: embeddings, a head, and their share of the answer."""

from types import SimpleNamespace

import pytest

from birdclef_mind.commands import listening
from birdclef_mind.commands.config import Config
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.errors import ListenerError, TableError
from birdclef_mind.kaggle.answering import Averaged
from birdclef_mind.kaggle.rehearsal_mounts import link
from birdclef_mind.networks.bundle import load
from birdclef_mind.training import fit_heads

MODEL = "somebody/ears/keras/little/3"


@pytest.fixture
def mounted(sample_folder, embedded, tmp_path):
    """Inputs with a model, and what a kernel knows of the competition."""
    inputs = tmp_path / "input"
    link(embedded.listener.parent, inputs / "models" / MODEL)
    competition = open_competition(sample_folder)
    classes = choose_labels(competition.labels, "all")
    return SimpleNamespace(inputs=inputs, competition=competition, classes=classes, config=Config(listener=MODEL))


def test_what_a_kernel_keeps_the_next_one_learns_from(mounted, trained, monkeypatch, capsys):
    monkeypatch.setattr(fit_heads, "_STEPS", 60)
    monkeypatch.setattr(fit_heads, "TRIED", fit_heads.TRIED[1:2])
    terminal, outputs = Terminal(quiet=False), mounted.inputs / "notebooks" / "me" / "kernel"
    own = listening.ears(mounted.inputs, mounted.config, mounted.competition, mounted.classes, terminal)
    assert own.model == mounted.inputs / "models" / MODEL / "listener.toml"
    listening.embed(own, outputs / "embeddings", mounted.competition, mounted.classes, terminal)
    kept = listening.teacher(mounted.inputs)
    assert kept.heard_by.hearing.windowing == mounted.config.features.windowing
    assert {row.recording for row in kept.rows} == {one.filename for one in mounted.competition.recordings}
    head = listening.train_head(mounted.inputs, outputs / "head", mounted.config, terminal)
    assert listening.find_head(mounted.inputs) == head
    found = listening.answering(mounted.inputs, load(trained[0]), mounted.config, terminal)
    assert isinstance(found, Averaged)
    assert "model: CC0 1.0; yes" in capsys.readouterr().out


def test_a_model_that_is_not_there_or_knows_nobody_ends_it_at_once(mounted, listener):
    terminal = Terminal(quiet=False)
    missing = Config(listener="a/other/b/thing/1")
    with pytest.raises(ListenerError, match="expected a model called other"):
        listening.ears(mounted.inputs, missing, mounted.competition, mounted.classes, terminal)
    names = listener.with_name("labels.txt")
    names.write_text("Nemo unus\nNemo duo\nNemo tres\nNemo quattuor\n")
    link(listener.parent, mounted.inputs / "models" / "a/deaf/keras/ears_of_another/1")
    deaf = Config(listener="a/deaf/keras/ears_of_another/1")
    with pytest.raises(TableError, match="expected at least one of the 3 classes among its species"):
        listening.ears(mounted.inputs, deaf, mounted.competition, mounted.classes, terminal)
