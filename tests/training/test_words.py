"""What a training says before it begins."""

from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.override import Override
from birdclef_mind.data.overrides import corrected
from birdclef_mind.training.held_out import heard_pictures, one_split, parts
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.words import describe


def test_recordings_of_which_nothing_is_left_are_not_counted(cache_folder):
    cache, training = open_cache(cache_folder), Training(validation_share=0.4)
    pictures = heard_pictures(cache)
    split = one_split(cache, pictures, training, lambda line: None)
    label = cache.rows[0].label
    dropped = [Override("", row.recording, row.start_s, "drop") for row in cache.rows if row.label == label]
    both = parts(corrected(cache, dropped), pictures, split, training)
    left = {row.recording for row in cache.heard if row.label != label}
    learn, check = left & set(split.training), left & set(split.validation)
    said = describe(split, both, 0, True).splitlines()[0]
    assert f"segments of {len(learn)} recordings to train on" in said
    assert f"of {len(check)} held out" in said
    assert len(learn) + len(check) < len(split.training) + len(split.validation)
