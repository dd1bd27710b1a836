from dataclasses import asdict, fields

import pytest

from birdclef_mind.commands.cli import build_parser
from birdclef_mind.commands.config import Config
from birdclef_mind.commands.training import training_asked_for
from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.settings import Network
from birdclef_mind.training.recipe import PARTS, RECIPES, Augmentation, Training, recipe, without


def asked(*words):
    return training_asked_for(build_parser().parse_args(["train", "C", "B", *words]))


def test_classic_is_what_is_trained_when_nothing_is_said():
    assert recipe("classic") == Training() == asked()


def test_modern_is_a_network_for_any_number_of_birds():
    assert recipe("modern").network == Network(name="resnet", answer="sigmoid", noise_floor=True)


@pytest.mark.parametrize("part", [*PARTS, *(item.name for item in fields(Augmentation))])
def test_every_part_can_be_left_out_alone(part):
    whole, reduced = asdict(recipe("modern")), asdict(asked("--recipe", "modern", "--without", part))
    flat = [{**value.pop("augmentation"), **value} for value in (whole, reduced)]
    changed = {name for name in flat[0] if flat[0][name] != flat[1][name]}
    assert changed == {part}
    assert not flat[1][part] or flat[1][part] == "constant"


def test_what_is_no_part_is_refused():
    with pytest.raises(ConfigError, match="without: expected one of label_smoothing, .* got 'hope'"):
        without(Training(), ["hope"])


def test_recipes_are_listed_when_another_is_asked_for():
    with pytest.raises(ConfigError, match="recipe: expected one of classic, modern, got best"):
        asked("--recipe", "best")


def test_flags_win_over_the_recipe():
    found = asked("--recipe", "modern", "--epochs", "1", "--loss", "focal", "--model", "efficientnetb0")
    assert (found.epochs, found.warmup_epochs, found.loss, found.model) == (1, 0, "focal", "efficientnetb0")


def test_a_file_may_name_a_recipe_and_change_it(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('[training]\nrecipe = "modern"\nepochs = 9\n[training.augmentation]\nmixup = 0.9\n')
    found = Config.read(path).training
    expected = asdict(recipe("modern")) | {"epochs": 9}
    expected["augmentation"] = expected["augmentation"] | {"mixup": 0.9}
    assert asdict(found) == expected
    assert asked("--config", str(path)) == found
    with pytest.raises(ConfigError, match="--recipe: expected it alone"):
        asked("--config", str(path), "--recipe", "modern")


@pytest.mark.parametrize("name", RECIPES)
def test_settings_survive_being_written(name):
    assert Training.from_dict(asdict(recipe(name))) == recipe(name)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mixup": 2}, "mixup: expected a share from 0 to 1, got 2"),
        ({"roll": 1}, "roll: expected true or false"),
        ({"gain_db": -1}, "gain_db: expected a number from 0"),
        ({"flip": True}, "flip: expected one of roll"),
    ],
)
def test_bad_augmentation_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Augmentation.from_dict(values)
