from birdclef_mind.backwards.reconstruction import METHODS
from birdclef_mind.explanation.blind_test import ANSWER, FEATURES, ORIGINAL, blind_clips


def test_every_stage_is_heard_by_every_way(explained):
    _, facts = explained
    blind = facts["blind"]
    taps = [layer["tap"] for layer in facts["fidelity"]["layers"]]
    assert blind["stages"] == [ORIGINAL, FEATURES, *taps, ANSWER]
    assert blind["offered"] == facts["bundle"]["classes"]
    assert set(blind["ways"]) == {*METHODS, "search", "noise"}
    layers = {layer["sound"]: layer for card in facts["examples"] for layer in card["layers"]}
    own = [clip for clip in blind["clips"] if clip["stage"] in taps]
    assert [clip["sound"] for clip in own] == [layer["sound"] for card in facts["examples"] for layer in card["layers"]]
    for clip in own:
        layer = layers[clip["sound"]]
        assert (clip["stage"], clip["way"]) == (layer["tap"], layer["method"]) or clip["way"] == "nearest"
        if clip["way"] != "nearest":
            assert (clip["network"], clip["second"]) == (layer["answer"]["label"], layer["second_answer"]["label"])
    originals = [clip for clip in blind["clips"] if clip["stage"] == ORIGINAL]
    assert [(clip["truth"], clip["network"], clip["second"]) for clip in originals] == [
        (card["label"], card["answer"]["label"], card["second_answer"]["label"]) for card in facts["examples"]
    ]
    answers = [(clip["truth"], clip["way"]) for clip in blind["clips"] if clip["stage"] == ANSWER]
    assert answers == [
        (card["label"], way)
        for card in facts["answers"]["cards"]
        for way in dict.fromkeys(answer["way"] for answer in card["answers"])
    ]
    assert all("-0" in clip["sound"] for clip in blind["clips"] if clip["way"] in ("search", "noise"))


def test_no_more_than_ten_birds_are_offered():
    names = [f"bird{number}" for number in range(30)]
    answer = {"way": "weights", "seed": None, "sound": "a.mp3", "called": "bird0", "called_by_second": "bird1"}
    cards = [{"label": name, "answers": [answer]} for name in names]
    example = {
        "label": "bird20", "recording": "r", "start_s": 0.0, "answer": {"label": "bird1"}, "second_answer": {"label": "bird2"},
        "features_sound": "f.mp3", "original_sound": None, "layers": [],
    }  # fmt: skip
    strange = {**example, "label": ""}
    blind = blind_clips([example, strange], cards, names)
    assert len(blind["offered"]) == 10
    assert "bird20" in blind["offered"]
    assert {clip["truth"] for clip in blind["clips"]} == set(blind["offered"])
    assert sum(clip["stage"] == FEATURES for clip in blind["clips"]) == 1
