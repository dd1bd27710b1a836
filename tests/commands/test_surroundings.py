"""What surrounds a command changes nothing in what it does: streams, encodings, homes, settings of other programs."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from conftest import tree

from birdclef_mind.commands.kernels import check_build
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.variables import settle_variables
from birdclef_mind.errors import TableError

BACKEND = "module://matplotlib_inline.backend_inline"
# Values under which other programs of this kind are known to fall over.
VARIABLES = {
    "a notebook's backend": {"MPLBACKEND": BACKEND},
    "no home": {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "XDG_CONFIG_HOME": "/proc/none"},
    "jax": {"KERAS_BACKEND": "jax"},
    "plain C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "no docstrings": {"PYTHONOPTIMIZE": "2"},
    "proxies": {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"},
    "no temporary folder": {"TMPDIR": "/proc/none"},
    "numbers that are none": {
        "TF_NUM_INTRAOP_THREADS": "-1", "TF_NUM_INTEROP_THREADS": "x", "OMP_NUM_THREADS": "-1",
        "LOKY_MAX_CPU_COUNT": "abc", "TQDM_MININTERVAL": "x", "NUMPY_MADVISE_HUGEPAGE": "x",
    },
    "processes of another kind": {"JOBLIB_START_METHOD": "x", "JOBLIB_MULTIPROCESSING": "x", "LOKY_PICKLER": "x"},
    "a training that is cut": {"KERAS_MAX_STEPS_PER_EPOCH": "1"},
    "no training": {"KERAS_MAX_EPOCHS": "0", "KERAS_NNX_ENABLED": "true", "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1"},
    "other arithmetic": {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_SET_ONEDNN_FPMATH_MODE": "BF16", "TF_CONFIG": "x"},
}  # fmt: skip


def run(*words, env=None, cwd=None, shell=None, **options):
    """A command as a process; `shell` is what a shell adds, such as a closed stream."""
    command = [sys.executable, "-m", "birdclef_mind", *map(str, words)]
    if shell:
        command = ["bash", "-o", "pipefail", "-c", f'"$@" {shell}', "bash", *command]
    options = {"capture_output": True, "text": True, **options}
    return subprocess.run(command, env={**os.environ, **(env or {})}, cwd=cwd, check=False, **options)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_cache_is_the_same_everywhere(sample_folder, cache_folder, tmp_path, name):
    found = run("cache", sample_folder, tmp_path / "c", env=VARIABLES[name])
    assert (found.returncode, found.stderr) == (0, "")
    assert tree(tmp_path / "c") == tree(cache_folder)


def test_what_lies_where_one_stands_is_not_imported(sample_folder, cache_folder, tmp_path):
    """Not by the processes either, which begin in another way than the program."""
    for name in ("queue", "numpy", "random", "tempfile", "csv", "soundfile"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    found = run("cache", sample_folder, "c", "--jobs", "2", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert tree(tmp_path / "c") == tree(cache_folder)


def test_numbers_of_threads_that_are_numbers_hold(monkeypatch):
    kept = {"TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "0", "LOKY_MAX_CPU_COUNT": "1", "BIRDCLEF_MIND_X": "x"}
    gone = {"MKL_NUM_THREADS": "2.5", "TF_NUM_INTEROP_THREADS": "9" * 9, "OPENBLAS_NUM_THREADS": "", "XLA_FLAGS": "--x"}
    for name, value in (kept | gone).items():
        monkeypatch.setenv(name, value)
    settle_variables()
    assert {name: os.environ.get(name) for name in kept | gone} == kept | dict.fromkeys(gone)


def test_a_kernel_drops_them_too(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    with pytest.raises(TableError):
        check_build(tmp_path, "0")
    assert "KERAS_MAX_EPOCHS" not in os.environ


def test_limits_that_keras_has_read_are_lifted():
    import keras

    if not hasattr(keras.config, "set_max_epochs"):
        pytest.skip("this Keras has no limits")
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(1)
    import_tensorflow_quietly()
    assert keras.config.max_epochs() is None
    assert keras.config.max_steps_per_epoch() is None


def test_of_graphs_that_are_built_again_nothing_is_said(capfd):
    import tensorflow as tf

    import_tensorflow_quietly()
    tf.get_logger().warning("5 out of the last 5 calls triggered tf.function retracing")
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="module")
def plain(little, tmp_path_factory):
    """A network as it is trained in the surroundings of these tests: the digests of its weights."""
    out = tmp_path_factory.mktemp("plain") / "b"
    assert run("train", little.cache, out, "--epochs", "1", "--validation-share", "0.4").returncode == 0
    return json.loads((out / "bundle.json").read_text())["weights"]


# Together where they do not touch one another, since each training takes long.
TRAINED_UNDER = [
    ("a notebook's backend", "no home", "jax", "plain C", "a training that is cut"),
    ("warnings are errors", "no temporary folder", "no training"),
    ("numbers that are none", "processes of another kind", "other arithmetic"),
]


@pytest.mark.slow
@pytest.mark.parametrize("names", TRAINED_UNDER, ids=", ".join)
def test_a_network_is_the_same_everywhere(little, plain, tmp_path, names):
    words = ["train", little.cache, tmp_path / "b", "--epochs", "1", "--validation-share", "0.4"]
    found = run(*words, env={key: value for name in names for key, value in VARIABLES[name].items()})
    assert (found.returncode, found.stderr) == (0, "")
    assert (tmp_path / "b" / "history.png").is_file()
    assert json.loads((tmp_path / "b" / "bundle.json").read_text())["weights"] == plain


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"image_data_format": "channels_first", "floatx": "float64", "backend": "jax"},
        {"image_data_format": "upside_down", "floatx": "float3"},
        "no settings",
    ],
)
def test_keras_settings_of_another_project(trained, sample_folder, tmp_path, settings):
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    (home / ".keras" / "keras.json").write_text(json.dumps(settings))
    before = tree(home / ".keras")
    found = run("infer", trained[0], sample_folder, tmp_path / "s.csv", env={"HOME": str(home)})
    assert (found.returncode, found.stderr) == (0, "")
    assert "6 of them computed" in found.stdout
    assert tree(home / ".keras") == before


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams(sample_folder, cache_folder, tmp_path, closed):
    found = run("cache", sample_folder, tmp_path / "c", "--jobs", "2", shell=closed)
    assert (found.returncode, found.stderr) == (0, "")
    assert tree(tmp_path / "c") == tree(cache_folder)


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "2>&1 | head -0"])
def test_work_goes_on_when_nobody_reads(little, tmp_path, closed):
    words = ["train", little.cache, tmp_path / "b", "--epochs", "3"]
    found = run(*words, shell=closed)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "b" / "bundle.json").is_file()


def test_what_is_asked_for_and_cannot_be_written_is_no_success(sample_folder):
    truth = sample_folder / "truth.csv"
    found = run("score", truth, truth, "--json", shell="> /dev/full")
    assert found.returncode == 1
    assert "what was printed could not be written (No space left on device)" in found.stderr
    assert found.stderr.count("\n") == 1
    for words in (["--version"], ["--help"], ["score", "--help"]):
        assert run(*words, shell="> /dev/full").returncode == 1


def test_so_it_is_when_pushing(tmp_path):
    words = [sys.executable, "-m", "birdclef_mind.commands.pushing", "push-dataset", "--dry-run", "--owner", "me"]
    staged = ["--work", str(tmp_path / "work")]
    for own in ([*words, *staged], [*words, "--help"]):
        found = subprocess.run(["sh", "-c", f"{shlex.join(own)} > /dev/full"], capture_output=True, text=True)
        assert found.returncode == 1, found.stderr
        assert "what was printed could not be written (No space left on device)" in found.stderr


@pytest.mark.parametrize("name", ["H\udcfctte.ogg", "Hu\u0308tte.ogg", "a b;'\"$(x).ogg"])
def test_soundscapes_of_any_name(trained, sample_folder, tmp_path, name):
    """Latin-1 on a disk of UTF-8, letters composed otherwise, signs of a shell: one costs itself at most."""
    folder = tmp_path / "odd" / "test_soundscapes"
    folder.mkdir(parents=True)
    sound = next((sample_folder / "test_soundscapes").glob("*.ogg")).read_bytes()
    (folder / "good.ogg").write_bytes(sound)
    (folder / name).write_bytes(sound)
    found = run("infer", trained[0], tmp_path / "odd", tmp_path / "s.csv", env={"LC_ALL": "C.UTF-8"})
    assert found.returncode == ("\udcfc" in name), found.stderr
    assert found.stderr == ""
    rows = (tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == 6
    assert sum(row.startswith("good_") for row in rows) == 3
    if "\udcfc" in name:
        assert "its file's name is no text" in (tmp_path / "s.log").read_text(encoding="utf-8")


def test_folders_of_any_name(sample_folder, tmp_path):
    odd = tmp_path / "comp_\udcfc"
    odd.symlink_to(sample_folder)
    found = run("cache", odd, tmp_path / "c\udcfc", env={"LC_ALL": "C.UTF-8"})
    assert (found.returncode, found.stderr) == (0, "")
    again = run("train", tmp_path / "c\udcfc", tmp_path / "b\udcfc", "--epochs", "1", "--quiet")
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "b\udcfc" / "bundle.json").is_file()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount, to act it out")
def test_an_installation_that_cannot_be_written_to(sample_folder, tmp_path):
    """Resampling caches nothing beside the libraries, nor in a home."""
    import soundfile

    low = tmp_path / "low"
    for path in (sample_folder / "train_audio").glob("*/*.ogg"):
        samples, rate = soundfile.read(path)
        (low / "train_audio" / path.parent.name).mkdir(parents=True, exist_ok=True)
        soundfile.write(low / "train_audio" / path.parent.name / path.name, samples[::2], rate // 2)
    (low / "train_metadata.csv").write_bytes((sample_folder / "train_metadata.csv").read_bytes())
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    words = [sys.executable, "-m", "birdclef_mind", "cache", str(low), str(tmp_path / "c"), "--jobs", "1"]
    command = ["unshare", "-m", "bash", "-c", script, "bash", sys.prefix, *words]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": "/proc/none"})
    if "mount" in found.stderr:
        pytest.skip(f"nothing can be mounted here: {found.stderr.strip()}")
    assert (found.returncode, found.stderr) == (0, "")
