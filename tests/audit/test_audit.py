"""What may be wrong, of segments of which it is known."""

from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.audit import suspicion
from birdclef_mind.audit.audit import Audit, counts
from birdclef_mind.audit.measured import Measured
from birdclef_mind.audit.suspicion import corrections
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.labels import Classes

CLASSES = Classes(("x", "y", "z"))
EACH = 8


def row(label, number, segment=0, **more):
    name = f"{label}/{number}.ogg"
    known = {"loudness_dbfs": -30.0, "clipped": 0.0, "silent": False, **more}
    return IndexRow(label, label, (), name, f"author {number % 4}", segment, 5.0 * segment, **known)


@pytest.fixture
def measured(rng):
    """Three species of eight recordings with two segments each, that ears tell apart."""
    rows = [row(label, number, segment) for label in CLASSES.names for number in range(EACH) for segment in range(2)]
    truth = np.repeat(np.arange(3), 2 * EACH)
    vectors = rng.normal(size=(3, 20))[truth] * 3 + rng.normal(size=(len(rows), 20))
    none = np.zeros(len(rows))
    return Measured(rows=tuple(rows), vectors=(vectors,), opinions=(), human=none, hum_db=none, voiced=none, copies=())


def audited(measured, rows=None, names=str.upper):
    return Audit(measured, tuple(rows or measured.rows), CLASSES, names)


def test_nothing_is_wrong_where_nothing_is(measured):
    own = audited(measured)
    assert own.agreement == 1
    assert own.suspicions() == []
    assert own.notes == []


def test_a_wrong_label_is_found_with_all_segments_and_named_anew(measured):
    rows = [replace(one, label="y") if one.recording == "x/3.ogg" else one for one in measured.rows]
    first, *others = audited(measured, rows).suspicions()
    assert others == []
    assert (first.kind, first.action, first.value) == (suspicion.LABEL, "relabel", "x")
    assert {one.recording for one in first.rows} == {"x/3.ogg"}
    assert len(first.rows) == 2
    assert first.chance > 0.75
    assert first.reason.startswith("told to be Y; those who did not learn from it give Y ")


def test_what_is_told_to_be_there_too_contradicts_no_label(measured):
    rows = [
        replace(one, label="y", secondary_labels=("x",)) if one.recording == "x/3.ogg" else one for one in measured.rows
    ]
    assert audited(measured, rows).suspicions() == []


def test_ears_that_know_nothing_doubt_nothing_and_say_so(measured, rng):
    lost = replace(measured, vectors=(rng.normal(size=(len(measured.rows), 20)),))
    own = audited(lost)
    assert own.agreement < 0.6
    assert [one.kind for one in own.suspicions()] == []
    assert "know the species too badly" in own.notes[0]
    nobody = audited(replace(measured, vectors=()))
    assert nobody.agreement is None
    assert "Nobody could be asked" in nobody.notes[0]


def test_hum_voice_people_silence_and_clipping_are_told_by_recording(measured):
    hum, voiced, human = np.zeros((3, len(measured.rows)))
    hum[[4, 5]] = 40, 25
    voiced[10] = 0.3
    human[20] = 0.95
    rows = list(measured.rows)
    rows[30] = replace(rows[30], silent=True)
    rows[32] = replace(rows[32], clipped=0.2)
    found = audited(replace(measured, hum_db=hum, voiced=voiced, human=human), rows).suspicions()
    told = {one.kind: one for one in found}
    assert counts(found) == {
        **dict.fromkeys(suspicion.KINDS, 0), "hum": 1, "voice": 2, "silent": 1, "clipped": 1
    }  # fmt: skip
    assert [one.segment for one in told["hum"].rows] == [0, 1]
    assert told["hum"].reason == "a steady hum, 40 dB above what is beside it"
    reasons = {one.rows[0].recording: one.reason for one in found if one.kind == "voice"}
    assert reasons[rows[10].recording].startswith("a throat is heard in 30%")
    assert reasons[rows[20].recording].startswith("a listener hears people (95%)")
    assert all(one.action == "drop" for one in found)
    assert [one.chance for one in found] == sorted((one.chance for one in found), reverse=True)


def test_a_voice_that_is_usual_with_a_species_is_none(measured):
    voiced = np.where([one.label == "x" for one in measured.rows], 0.3, 0.0)
    assert audited(replace(measured, voiced=voiced)).suspicions() == []
    # Nor is it with what is named wrongly, and is such a species.
    rows = [replace(one, label="y") if one.recording == "x/3.ogg" else one for one in measured.rows]
    assert [one.kind for one in audited(replace(measured, voiced=voiced), rows).suspicions()] == ["label"]


def test_of_copies_the_one_that_others_contradict_is_dropped_and_told_once(measured):
    rows = [replace(one, label="y") if one.recording == "x/3.ogg" else one for one in measured.rows]
    (found,) = audited(replace(measured, copies=(("x/2.ogg", "x/3.ogg"),)), rows).suspicions()
    assert (found.kind, found.action) == (suspicion.COPY, "drop")
    assert found.rows[0].recording == "x/3.ogg"
    assert "told to be X; others hear X rather than Y" in found.reason


def test_species_that_nobody_tells_apart_share_a_decision(measured, rng):
    mixed = measured.vectors[0].copy()
    y = np.array([one.label == "y" for one in measured.rows])
    mixed[y] = mixed[np.array([one.label == "x" for one in measured.rows])] + 0.1 * rng.normal(size=(y.sum(), 20))
    found = [one for one in audited(replace(measured, vectors=(mixed,))).suspicions() if one.kind == "shared"]
    (one,) = found
    assert {row.label for row in one.rows} == {"x", "y"}
    assert one.action == ""


def test_each_window_of_a_soundscape_has_a_label_of_its_own(measured):
    rows = [replace(one, recording="s.ogg", segment=place, soundscape=True) for place, one in enumerate(measured.rows)]
    wrong = [replace(one, label="y") if place == 0 else one for place, one in enumerate(rows)]
    (found,) = audited(replace(measured, rows=tuple(rows)), wrong).suspicions()
    assert [one.segment for one in found.rows] == [0]


def test_corrections_drop_rather_than_name_anew_and_name_a_window_once(measured):
    one, other = measured.rows[:2]
    told = [
        suspicion.Suspicion(kind="label", rows=(one, other), chance=0.9, reason="", action="relabel", value="y"),
        suspicion.Suspicion(kind="hum", rows=(one,), chance=0.8, reason="", action="drop"),
        suspicion.Suspicion(kind="shared", rows=(one, other), chance=0.7, reason=""),
    ]
    starts = {(row.recording, row.segment): 5.0 * row.segment for row in measured.rows}
    found = corrections(told, starts)
    assert [(own.start_s, own.action, own.value) for own in found] == [(0.0, "drop", ""), (5.0, "relabel", "y")]


def test_segments_of_a_recording_that_were_named_anew_are_judged_by_their_own_label(measured):
    rows = [replace(one, label="y") if (one.recording, one.segment) == ("x/3.ogg", 1) else one for one in measured.rows]
    (found,) = audited(measured, rows).suspicions()
    assert [(one.recording, one.segment) for one in found.rows] == [("x/3.ogg", 1)]


def test_where_nothing_can_be_heard_that_is_all_there_is_to_say(measured):
    rows = [replace(one, silent=True) for one in measured.rows]
    own = audited(measured, rows)
    assert {one.kind for one in own.suspicions()} == {"silent"}
    assert own.agreement is None
