"""The studio's address: who is answered, and what is refused; and what it answers."""

import io
import json
import random
import shutil
import threading
import urllib.parse

import numpy as np
import pytest
import soundfile
from PIL import Image

from birdclef_mind.errors import BundleError

SOUND = "audio/wav"


def wav(seconds=12, rate=32_000, seed=0):
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.1 * np.random.default_rng(seed).standard_normal(seconds * rate), rate, format="WAV")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def own_little(little):
    return little


def test_only_this_machines_own_page_is_answered(taught):
    client = taught.client
    link = urllib.parse.urlsplit(taught.link)
    token = link.path.strip("/")
    assert client.ask("state")[0] == 200
    for path in ("", "x/state", f"{token[:-1]}/state", f"{token}x/state", f"//{token}/state"):
        bare = type(client)(f"http://{link.netloc}/")
        assert bare.ask(path)[0] == 404
    # Whoever has an old link reads a sentence.
    assert b"Each studio prints its own" in bare.ask("", headers={"Accept": "text/html"})[1]
    assert client.ask("state", headers={"Host": "evil.example"})[0] == 403
    assert client.ask("undo", {}, headers={"Origin": "http://evil.example"})[0] == 403
    assert client.ask("undo", {}, headers={"Origin": f"http://{link.netloc}"})[0] == 200
    _, _, headers = client.ask("")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_recording_is_sent_seen_heard_and_looked_into(taught):
    client = taught.client
    number = client.told("recordings?name=a%2F..%2Fb.wav", body=wav())["number"]
    told = client.heard(number)
    assert (told["name"], told["seconds"], told["ears"][0]["heard"]) == ("a/../b.wav", 12, 12)
    assert client.ask(f"recordings/{number}/picture/1")[1][:4] == b"\x89PNG"
    sound, rate = soundfile.read(io.BytesIO(client.ask(f"recordings/{number}/sound?from=9&length=2")[1]))
    assert (len(sound), rate) == (2 * rate, 32_000)
    last, _ = soundfile.read(io.BytesIO(client.ask(f"recordings/{number}/sound?from=11&length=2")[1]))
    assert len(last) == rate
    moment = client.told("moments", {"recording": number, "start_s": 3, "features": {"preset": "mfcc16"}})
    assert client.ask(moment["picture"])[2]["Content-Type"] == "image/png"
    assert client.ask(moment["through"]["sound"])[2]["Content-Type"] == SOUND
    asked = {"recording": number, "start_s": 3}
    layers = client.work("works", {**asked, "what": "layers"})
    assert layers[-1]["tap"] == "classes" and all(-1 <= one["alike"] <= 1 and one["names"] for one in layers)
    # Two controls stand beside each: other recordings, and a network that has learned nothing.
    assert all(-1 <= one["others"] <= 1 and -1 <= one["twin"] <= 1 for one in layers)
    assert any(one["twin"] != one["alike"] for one in layers)
    alike = client.work("works", {**asked, "what": "alike"})
    assert all(one["real"] and one["recording"] for one in alike)
    parts = client.work("works", {**asked, "what": "decided"})
    assert [one["part"] for one in parts] == ["kept", "removed"]
    assert 0 <= parts[0]["most"]["at_s"] <= 5 and 0 < parts[0]["most"]["height"] < 1 and "most" not in parts[1]
    insisted = client.work("works", {**asked, "what": "insisted"})
    assert [one["tap"] for one in insisted] == [one["tap"] for one in layers]


def test_gain_does_not_change_what_is_heard_and_a_box_does(taught):
    client = taught.client
    number = client.told("recordings?name=n", body=wav())["number"]
    client.heard(number)

    def named(**knobs):
        moment = client.told("moments", {"recording": number, "start_s": 2, "knobs": knobs})
        return dict(moment["answers"][0]["birds"])

    plain, louder = named(), named(gain_db=-12)
    assert all(abs(plain[bird] - louder.get(bird, 0)) < 0.02 for bird in plain)
    cut = named(box={"from_s": 0, "to_s": 5, "low_hz": 0, "high_hz": 16000, "what": "cut"})
    assert cut != plain


def test_segments_are_listened_to_marked_and_found_again(taught):
    client, lessons = taught.client, taught.studio.lessons
    assert not client.told("queue")["scanned"]
    client.work("scan", {"what": "scan"})
    queue = client.told("queue")
    assert queue["scanned"] and [one["sure"] for one in queue["segments"]] == sorted(
        one["sure"] for one in queue["segments"]
    )
    first = queue["segments"][0]["place"]
    assert client.ask(f"segments/{first}/sound")[2]["Content-Type"] == SOUND
    assert client.ask(f"segments/{first}/picture")[1][:4] == b"\x89PNG"
    own = lessons.rows[first].recording
    like = client.told(f"segments/{first}/like")["segments"]
    assert all(one["recording"] != own for one in like)
    assert [one["near"] for one in like] == sorted((one["near"] for one in like), reverse=True)
    told = client.told(f"segments/{first}/mark", {"drop": True, "seen": 0})
    assert (told["said"], told["corrections"], told["mark"]["drop"]) == (1, 1, True)
    status, content, _ = client.ask(f"segments/{first}/mark", {"right": True, "seen": 0})
    assert status == 409 and json.loads(content)["mark"]["drop"]
    assert first not in [one["place"] for one in client.told("queue")["segments"]]
    assert client.told("queue?words=" + urllib.parse.quote(own))["segments"]
    assert client.told("undo", {})["segment"]["place"] == first
    assert client.told("marks")["said"] == 0
    assert client.work("scan", {"what": "audit"})[0]["suspicions"] >= 0
    assert client.told("queue?order=suspicious")["audited"]


def test_the_blind_test_tells_no_truth_before_the_answer(taught):
    client = taught.client
    for _ in range(4):
        question = client.told("blind", {})
        assert set(question) == {"number", "offered"}
        assert client.ask(f"blind/{question['number']}/sound")[2]["Content-Type"] == SOUND
        told = client.told(f"blind/{question['number']}", {"label": question["offered"][0][0]})
        assert told["right"] == (told["truth"] == question["offered"][0][0])
        assert client.ask(f"blind/{question['number']}", {"label": "x"})[0] == 400
    assert sum(one["asked"] for one in told["tallies"].values()) == 4


def test_a_microphone_that_vanishes_leaves_what_it_sent(taught):
    client = taught.client
    number = client.told("recordings/live", {})["number"]
    for _ in range(10):
        client.told(f"recordings/{number}/samples?rate=48000", body=np.zeros(9600, "<f4").tobytes())
    assert client.told(f"recordings/{number}")["seconds"] == pytest.approx(2, abs=0.05)
    for body, rate in ((b"abc", 48000), (b"\0" * 4, 7), (b"\0" * 4, "x"), (b"\0" * (2**22 + 4), 48000)):
        assert client.ask(f"recordings/{number}/samples?rate={rate}", body=body)[0] in (400, 413)
    client.told(f"recordings/{number}/end", {})
    assert client.ask(f"recordings/{number}/samples?rate=48000", body=b"\0" * 4)[0] == 400
    strange = np.array([np.nan, np.inf, -np.inf, 1e30], "<f4").tobytes()
    number = client.told("recordings/live", {})["number"]
    assert client.told(f"recordings/{number}/samples?rate=32000", body=strange)["seconds"] > 0


HOSTILE = [
    "",
    "x",
    "-1",
    "1e9",
    "nan",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "'\"<script>",
    "9" * 400,
    "%d9%a3",
    "null",
    "%ff",
]


def test_whatever_is_asked_is_refused_in_a_sentence_and_never_a_fault(taught, capfd):
    client, rng = taught.client, random.Random(3)
    paths = ["recordings/{}", "recordings/{}/heard?ear={}&first={}", "recordings/{}/picture/{}", "recordings/{}/sound?from={}",
             "works/{}", "made/{}", "segments/{}", "segments/{}/sound", "queue?order={}&words={}", "report/{}", "page/{}", "{}"]  # fmt: skip
    posts = [
        "recordings/given",
        "recordings/pasted",
        "moments",
        "works",
        "scan",
        "segments/0/mark",
        "segments/{}/mark",
        "training",
        "report",
        "blind/{}",
    ]
    values = [None, 3, [], "x", {}, {"number": -1}, {"number": 1e400}, {"recording": "1"}, {"what": ["layers"]}, {"do": {}},
              {"recording": 1, "start_s": "now"}, {"relabel": "<b>"}, {"also": {"a": 1}}, {"label": 3}, {"place": None}]  # fmt: skip
    for path in paths:
        for _ in range(12):
            status, content, _ = client.ask(path.format(*(rng.choice(HOSTILE) for _ in range(4))))
            assert status < 500, (path, content)
    for path in posts:
        for value in values:
            status, content, _ = client.ask(path.format(rng.choice(HOSTILE)), body=json.dumps(value).encode())
            assert status in (200, 400, 404, 405, 409), (path, value, content)
        for body in (b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a": NaN}', b"x" * 2**17):
            assert client.ask(path.format("1"), body=body)[0] in (400, 404, 405, 413)
    assert "Traceback" not in capfd.readouterr().err


def test_many_at_once_do_not_stall_the_sound(taught):
    client = taught.client
    number = client.told("recordings?name=n", body=wav())["number"]
    client.heard(number)
    answers = []

    def ask():
        answers.append(client.ask("moments", {"recording": number, "start_s": 1})[0])

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    assert client.ask(f"recordings/{number}/sound?from=1&length=5")[0] == 200
    # Two moments are looked at together, so that most still wait when the sound is there.
    assert len(answers) < 60
    for thread in threads:
        thread.join()
    assert answers == [200] * 100


def test_tiles_are_on_one_scale_and_have_no_seams(taught):
    """A quiet stretch looks the same whatever was looked at before, and a steady tone has no clicks between tiles."""
    client, rate = taught.client, 32_000
    tone = 0.3 * np.sin(2 * np.pi * 2000 * np.arange(30 * rate) / rate)
    tone[20 * rate :] *= 0.01
    buffer = io.BytesIO()
    soundfile.write(buffer, tone, rate, format="WAV")
    tiles = []
    for order in ((0, 1, 2), (2, 1, 0)):
        number = client.told("recordings?name=t", body=buffer.getvalue())["number"]
        assert client.heard(number)["scale"] == -1
        tiles.append({tile: client.ask(f"recordings/{number}/picture/{tile}")[1] for tile in order})
    assert tiles[0] == tiles[1]
    first, _, quiet = (np.asarray(Image.open(io.BytesIO(tiles[0][tile])), float) for tile in range(3))
    assert first.max() > 200 > quiet[:, 20:-20].max()
    # All but the recording's own beginning.
    assert np.abs(first[:, -10:] - first[:, 100:110]).max() <= 2


def test_silence_is_called_nothing(taught):
    client = taught.client
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(10 * 32_000), 32_000, format="WAV")
    number = client.told("recordings?name=s", body=buffer.getvalue())["number"]
    client.heard(number)
    found = client.work("works", {"recording": number, "start_s": 1, "what": "layers"})
    assert found and all(one["names"] == [] for one in found)


def test_a_slow_browser_holds_nobody_up(taught):
    import socket

    link = urllib.parse.urlsplit(taught.link)
    slow = []
    for _ in range(30):
        connection = socket.create_connection((link.hostname, link.port))
        connection.sendall(
            f"POST {link.path}recordings?name=x HTTP/1.1\r\nHost: {link.netloc}\r\nContent-Length: 1000000\r\n\r\nabc".encode()
        )
        slow.append(connection)
    assert taught.client.ask("state")[0] == 200
    for connection in slow:
        connection.close()
    assert taught.client.ask("state")[0] == 200


def test_the_report_folder_is_all_that_is_reached(taught, tmp_path):
    (tmp_path / "work" / "explanation").mkdir(parents=True)
    (tmp_path / "work" / "explanation" / "report.html").write_text("<p>report")
    (tmp_path / "work" / "secret.txt").write_text("secret")
    (tmp_path / "work" / "explanation" / "link").symlink_to(tmp_path / "work" / "secret.txt")
    status, content, headers = taught.client.ask("report/report.html")
    assert (status, content) == (200, b"<p>report") and "sandbox" in headers["Content-Security-Policy"]
    for path in ("report/../secret.txt", "report/%2e%2e/secret.txt", "report/link", "report//etc/passwd", "report/"):
        status, content, _ = taught.client.ask(path)
        assert status >= 400 and b"secret" not in content


def test_without_training_data_it_still_listens(served, little):
    studio = served(little.bundle)
    assert not studio.client.told("state")["teaches"]
    for path, values in (("queue", None), ("undo", {}), ("blind", {}), ("training", None), ("report", None)):
        status, content, _ = studio.client.ask(path, values)
        assert status == 400 and b"--cache" in content
    number = studio.client.told("recordings?name=n", body=wav())["number"]
    assert studio.client.heard(number)["ears"][0]["heard"] == 12
    asked = {"recording": number, "start_s": 1}
    assert len(studio.client.work("works", {**asked, "what": "layers"})) > 1
    assert studio.client.work("works", {**asked, "what": "alike"}) == []


def test_two_networks_and_a_listener_hear_side_by_side(served, little, embedded):
    studio = served(
        little.bundle, little.decoded, cache=little.cache, competition=little.competition, listener=embedded.listener
    )
    told = studio.client.told("state")
    assert len(told["networks"]) == 2 and len(told["ears"]) == 3
    number = studio.client.told("recordings/given", {"number": 0})["number"]
    heard = studio.client.heard(number)
    assert len({ear["heard"] for ear in heard["ears"]}) == 1
    moment = studio.client.told("moments", {"recording": number, "start_s": 0})
    assert [one["ear"] for one in moment["answers"]] == told["ears"]
    for network in (0, 1):
        assert studio.client.work("works", {"recording": number, "start_s": 0, "what": "layers", "network": network})


def test_changed_decoders_are_refused_before_anything_is_shown(served, little, tmp_path):
    copy = shutil.copytree(little.decoded, tmp_path / "bundle")
    (copy / "decoders.weights.h5").write_bytes(b"another's")
    with pytest.raises(BundleError, match="decoders"):
        served(copy)


def test_two_studios_do_not_write_to_one_folder(served, little, tmp_path):
    from birdclef_mind.errors import ConfigError
    from birdclef_mind.studio.studio import Opening, open_studio

    served(little.bundle)
    with pytest.raises(ConfigError, match="is being written by another process"):
        open_studio(Opening(bundles=(little.bundle,), work=tmp_path / "work"))
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="work: expected a folder"):
        open_studio(Opening(bundles=(little.bundle,), work=tmp_path / "file"))
    with pytest.raises(ConfigError, match="expected a new, empty or studio folder, found a bundle"):
        open_studio(Opening(bundles=(little.bundle,), work=little.bundle))


def test_an_ear_of_other_windows_answers_too(little):
    from birdclef_mind.networks.bundle import load
    from birdclef_mind.studio.ears import NetworkEar
    from birdclef_mind.studio.moments import answers

    ear = NetworkEar(load(little.bundle), "little")
    for seconds in (3, 5, 8):
        assert answers([ear], np.random.default_rng(0).standard_normal(seconds * 32_000).astype(np.float32), 32_000)[0][
            "birds"
        ]
