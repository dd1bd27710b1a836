"""Recordings and pictures in object storage: a real S3 server on this machine, reached over HTTP."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import make_cache, tree
from joblib.externals.loky import get_reusable_executor

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import ConfigError
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.storage.places import ask_each, at_hand, is_remote, location

BUCKET = "s3://birds"


@pytest.fixture(scope="module")
def server():
    """The environment in which `s3://birds` is reached."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    own = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    # Processes that an earlier test has left for the next know nothing of this environment.
    get_reusable_executor().shutdown(wait=True)
    import fsspec

    fsspec.filesystem("s3", use_listings_cache=False).mkdir("birds")
    yield own
    running.stop()
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


def upload(folder, place):
    for name, content in tree(folder).items():
        (place / name).write_bytes(content)


def download(place, folder):
    place.fs.get(place.path, str(folder), recursive=True)
    return tree(folder)


@pytest.fixture(scope="module")
def bucket(server, sample_folder):
    """An address of a competition in object storage."""
    upload(sample_folder, location(f"{BUCKET}/competition"))
    return f"{BUCKET}/competition"


@pytest.mark.slow
def test_a_cache_in_object_storage_has_the_same_bytes(bucket, cache_folder, tmp_path, capsys):
    address = f"{BUCKET}/cache"
    # In a process of its own: those of earlier pools know nothing of this store.
    subprocess.run([sys.executable, "-m", "birdclef_mind", "cache", bucket, address, "--jobs", "2"], check=True)
    ours, local = download(location(address), tmp_path / "down"), tree(cache_folder)
    facts = ours.pop("cache.json"), local.pop("cache.json")
    # Nothing is listed in object storage.
    local.pop(".birdclef_mind")
    assert ours == local
    assert f'"competition": "{bucket}"'.encode() in facts[0]
    capsys.readouterr()
    assert main(["cache", bucket, address, "--jobs", "1"]) == 0
    assert "15 were there already" in capsys.readouterr().out
    cache, near = open_cache(location(address)), open_cache(cache_folder)
    assert (cache.pictures(cache.rows).pixels == near.pictures(near.rows).pixels).all()
    (location(address) / cache.rows[0].label / "stranger.txt").write_bytes(b"mine")
    assert main(["cache", bucket, address, "--labels", "1"]) == 0
    left = download(location(address), tmp_path / "again")
    assert {name.split("/")[0] for name in left if name.endswith(".png")} == {"samwhi1"}
    assert any(name.endswith("stranger.txt") for name in left)


def test_embeddings_in_object_storage_have_the_same_bytes(bucket, embedded, sample_folder, tmp_path, capsys):
    address = f"{BUCKET}/embeddings"
    assert main(["embed", str(embedded.listener), bucket, address]) == 0
    assert main(["embed", str(embedded.listener), str(sample_folder), str(tmp_path / "e")]) == 0
    ours, local = download(location(address), tmp_path / "down"), tree(tmp_path / "e")
    facts, _ = ours.pop("embeddings.json"), local.pop("embeddings.json")
    local.pop(".birdclef_mind")
    assert ours == local
    assert f'"competition": "{bucket}"'.encode() in facts
    capsys.readouterr()
    assert main(["embed", str(embedded.listener), bucket, address]) == 0
    assert "15 were there already" in capsys.readouterr().out
    there, near = open_embeddings(location(address)), open_embeddings(tmp_path / "e")
    assert (there.arrays(there.rows).embeddings == near.arrays(near.rows).embeddings).all()


@pytest.mark.slow
def test_a_network_is_trained_on_it_and_answers_from_it(bucket, cache_folder, trained, tmp_path):
    address = f"{BUCKET}/to-train-on"
    make_cache(location(bucket), location(address))
    assert main(["train", address, str(tmp_path / "b"), "--epochs", "3", "--batch-size", "8"]) == 0
    assert (tmp_path / "b" / "model.weights.h5").read_bytes() == (trained[0] / "model.weights.h5").read_bytes()
    assert main(["infer", str(tmp_path / "b"), bucket, str(tmp_path / "s.csv")]) == 0
    assert (tmp_path / "s.csv").read_text().count("\n") == 7


def test_a_recording_that_is_not_there_is_listed(bucket, sample_folder, tmp_path):
    folder = shutil.copytree(sample_folder, tmp_path / "competition")
    gone = next((folder / "train_audio").glob("*/*.ogg"))
    gone.unlink()
    upload(folder, location(f"{BUCKET}/gaps"))
    report = make_cache(location(f"{BUCKET}/gaps"), location(f"{BUCKET}/gaps-cache"))
    assert [(failure.recording, failure.reason) for failure in report.failures] == [
        (f"{gone.parent.name}/{gone.name}", "missing")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cache", "s3://nobody/here", "out"), "s3://nobody/here: expected a competition folder, found nothing"),
        (("cache", "nowhere://a/b", "out"), "nowhere://a/b: expected an address that fsspec knows"),
        (("cache", f"{BUCKET}/competition", f"{BUCKET}/packed", "--pack"), "--pack: expected a folder to put archives in"),
        (("train", f"{BUCKET}/competition", "out"), "expected a cache, a folder with cache.json, found a competition"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_sentence(bucket, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(list(words)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_store_that_does_not_answer_is_one_sentence(server, tmp_path):
    code = "import sys; from birdclef_mind.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, **server, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    words = [sys.executable, "-c", code, "cache", f"{BUCKET}/competition", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "expected a store that can be reached, got" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(ConfigError, match=r"pip install birdclef_mind\[cluster\]"):
        location("s3://birds/competition")


def test_a_folder_is_no_address(tmp_path):
    assert location(str(tmp_path)) == tmp_path
    assert not is_remote(location("s3/birds"))
    with at_hand(tmp_path / "file") as own:
        assert own == tmp_path / "file"


def test_what_is_asked_at_once_comes_in_order():
    assert list(ask_each(str, range(40), remote=True)) == list(ask_each(str, range(40), remote=False))


def test_no_more_is_asked_than_is_waited_for():
    asked = []
    answers = ask_each(asked.append, range(200), remote=True)
    for _ in range(10):
        next(answers)
    assert 10 <= len(asked) <= 10 + 16
