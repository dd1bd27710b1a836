from birdclef_mind.explanation.blind_test import ANSWER, FEATURES, ORIGINAL, blind_clips


def test_every_stage_is_heard_by_its_best_way(explained):
    _, facts = explained
    blind = facts["blind"]
    taps = [layer["tap"] for layer in facts["fidelity"]["layers"]]
    assert blind["stages"] == [ORIGINAL, FEATURES, *taps, ANSWER]
    assert blind["offered"] == facts["bundle"]["classes"]
    layers = {layer["sound"]: layer for card in facts["examples"] for layer in card["layers"]}
    for clip in blind["clips"]:
        if clip["stage"] in taps:
            layer = layers[clip["sound"]]
            assert layer["method"] == "decoder"
            assert (clip["network"], clip["stage"]) == (layer["answer"]["label"], layer["tap"])
    originals = [clip for clip in blind["clips"] if clip["stage"] == ORIGINAL]
    assert [(clip["truth"], clip["network"]) for clip in originals] == [
        (card["label"], card["answer"]["label"]) for card in facts["examples"]
    ]
    answers = [clip for clip in blind["clips"] if clip["stage"] == ANSWER]
    assert [clip["truth"] for clip in answers] == blind["offered"]
    assert all("-search-0" in clip["sound"] for clip in answers)


def test_no_more_than_ten_birds_are_offered():
    names = [f"bird{number}" for number in range(30)]
    answer = {"way": "weights", "seed": None, "sound": "a.mp3", "called": "bird0"}
    cards = [{"label": name, "answers": [answer]} for name in names]
    example = {
        "label": "bird20", "recording": "r", "start_s": 0.0, "answer": {"label": "bird1"},
        "features_sound": "f.mp3", "original_sound": None, "layers": [],
    }  # fmt: skip
    strange = {**example, "label": ""}
    blind = blind_clips([example, strange], cards, names)
    assert len(blind["offered"]) == 10
    assert "bird20" in blind["offered"]
    assert {clip["truth"] for clip in blind["clips"]} == set(blind["offered"])
    assert sum(clip["stage"] == FEATURES for clip in blind["clips"]) == 1
