from dataclasses import replace

import pytest

from birdclef_mind.listeners.listener import Listener, Terms
from birdclef_mind.listeners.terms import BIRDNET, OWN, what_it_heard

SOME = Listener(
    name="Ears", kind="onnx", rate_hz=1, window_s=1.0, hop_s=1.0, species=(), digest="", terms=Terms(), ears=None
)  # fmt: skip


@pytest.mark.parametrize("name", ["BirdNET v2.4", "Perch v1", "Perch v2", "SurfPerch", "BirdNET_GLOBAL_6K"])
def test_known_models_have_probably_heard_the_recordings(name):
    said = what_it_heard(replace(SOME, name=name, terms=BIRDNET))
    assert said.startswith(f"{name} was trained on recordings from xeno-canto and has probably heard these")


def test_of_others_it_is_not_known_and_our_own_is_said_to_be_so():
    assert what_it_heard(SOME) == "Whether Ears was trained on these recordings is not known."
    assert "a network of this program" in what_it_heard(replace(SOME, terms=OWN))
