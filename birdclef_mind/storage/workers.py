"""Where work on many recordings is done: here, in a few processes, or on the machines of a Dask cluster."""

import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import active_children, resource_tracker
from pathlib import Path
from typing import Any, TypeAlias

from birdclef_mind.checks import is_whole, require
from birdclef_mind.errors import ConfigError, StoreError
from birdclef_mind.storage.interrupts import later

Work: TypeAlias = Callable[..., Any]
Tasks: TypeAlias = Sequence[tuple[Any, ...]]

_TIMEOUT_S = 30
# Batches handed to a cluster ahead of its results, a thread: no thread waits, and few results wait at the client.
_AHEAD = 4
_BATCH = 8
_TRIES = 3
_SAFE = "PYTHONSAFEPATH"
# What loky calls its thread.
_MINDER = "ExecutorManagerThread"


def check_workers(jobs: int, scheduler: str = "") -> None:
    """Refuse, before anything is done, what `run_all` could not work with: ConfigError says why."""
    require(is_whole(jobs) and jobs > 0, "jobs", "a whole number above 0", jobs)
    if scheduler:
        with _connected(scheduler):
            pass


def run_all(work: Work, tasks: Tasks, jobs: int, scheduler: str = "", *, lost: Work | None = None) -> Iterator[Any]:
    """Call `work` with each task and yield the results, in any order; what it raises is raised here.

    With one job everything is done in this process. One of several may be ended from outside, as the system does when
    memory runs out, or by a fault of a library. What was under way then is tried once more, each task alone in a
    process of its own.

    Parameters
    ----------
    jobs : processes on this machine; ignored with a scheduler.
    lost : gives the result of a task that ends its process again; without it StoreError is raised, as it is when
        processes end before they do anything, and when the cluster is lost.
    scheduler : address of a Dask scheduler, such as "tcp://10.0.0.1:8786". Its workers must see the same folders at the
        same paths and have this package; one that is lost has its tasks done by others.
    """
    if scheduler:
        yield from _on_cluster(work, tasks, scheduler)
    elif jobs == 1:
        yield from (work(*task) for task in tasks)
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as notes, _without_last_words(), _safe_paths():
            yield from _in_processes(work, dict(enumerate(tasks)), jobs, lost, Path(notes))


def _in_processes(
    work: Work, left: dict[int, tuple[Any, ...]], jobs: int, lost: Work | None, notes: Path
) -> Iterator[Any]:
    from joblib import Parallel, delayed

    vain = 0
    while left:
        before, results = len(left), None
        try:
            pool = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=_BATCH)
            with _deaf():
                results = pool(delayed(_noted)(work, notes, number, task) for number, task in list(left.items()))
            for number, result in results:
                del left[number]
                yield result
        except BrokenProcessPool as error:
            for number in _take_notes(notes) & set(left):
                yield _alone(work, left.pop(number), lost)
            # A process may also be ended before it does anything.
            vain = vain + 1 if len(left) == before else 0
            if vain == _TRIES:
                raise StoreError("the processes that do the work are ended as they begin; try `--jobs 1`") from error
        except (KeyboardInterrupt, GeneratorExit):
            _end_processes()
            _drop(results)
            raise


@contextmanager
def _safe_paths() -> Iterator[None]:
    """Let processes that begin meanwhile import nothing from the folder one stands in, whatever lies there."""
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SAFE, None)
        else:
            os.environ[_SAFE] = before


@contextmanager
def _without_last_words() -> Iterator[None]:
    """Keep from the screen what the thread that minds the processes says when they end, or when it stumbles itself.

    Whoever waits for what it minded would wait for ever, and gets BrokenProcessPool.
    """
    before = threading.excepthook
    # Of a process that has grown, as one does that loads a model, and is replaced; as an error it would end the thread.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)

    def hook(words: threading.ExceptHookArgs) -> None:
        if words.thread is None or words.thread.name != _MINDER:
            before(words)
            return
        with suppress(Exception):
            words.thread.terminate_broken(BrokenProcessPool("the thread that minds them ended"))  # type: ignore[attr-defined]

    threading.excepthook = hook
    try:
        yield
    finally:
        if threading.excepthook is hook:
            threading.excepthook = before


def _drop(results: Any) -> None:
    with warnings.catch_warnings():
        # That tasks are left is what was asked for.
        warnings.simplefilter("ignore")
        if results is not None:
            results.close()


def _end_processes() -> None:
    """End the processes of the pool, those too that are still starting: what they begin with goes with this one."""
    from joblib.externals.loky.backend.process import LokyProcess

    for process in active_children():
        if isinstance(process, LokyProcess) and process.pid:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


@contextmanager
def _deaf() -> Iterator[None]:
    """Keep Ctrl-C from processes, and from threads that begin processes, which are started here; it waits for the end.

    They are ended by this process, which says so in its own words; a process that is told while it starts knows none.
    """
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - Windows has none
        yield
        return
    # One that begins later would let it through again.
    resource_tracker.ensure_running()
    with later():
        # What is held back is handed down, to processes too.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _noted(work: Work, notes: Path, number: int, task: tuple[Any, ...]) -> tuple[int, Any]:
    """Do a task, after a note of which one this process is at."""
    with suppress(OSError):
        (notes / str(os.getpid())).write_text(str(number))
    return number, work(*task)


def _take_notes(notes: Path) -> set[int]:
    """Numbers of the tasks that processes were at; a note that was being written says nothing."""
    found = set()
    for note in notes.iterdir():
        text = note.read_text()
        found |= {int(text)} if text else set()
        note.unlink()
    return found


def _alone(work: Work, task: tuple[Any, ...], lost: Work | None) -> Any:
    """Do a task in a process of its own, where nothing else takes memory."""
    from joblib.externals.loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(max_workers=1)
    try:
        with _deaf():
            future = pool.submit(work, *task)
        return future.result()
    except BrokenProcessPool as error:
        if lost is None:
            raise StoreError(f"the process that did {task!r} was ended twice; is there enough memory?") from error
        return lost(*task)
    except KeyboardInterrupt:
        # Nobody waits for what it is at.
        _end_processes()
        raise
    finally:
        pool.shutdown()


@contextmanager
def _connected(scheduler: str) -> Iterator[tuple[Any, int]]:
    """A client of a cluster, and how many threads its workers have."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            "--scheduler: expected dask.distributed to be installed; `pip install birdclef_mind[cluster]` does it"
        ) from error
    try:
        client = Client(scheduler, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--scheduler: expected a Dask scheduler at {scheduler}, found none ({error})") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ConfigError(f"--scheduler: expected workers at {scheduler}, found none")
        yield client, threads


def _on_cluster(work: Work, tasks: Tasks, scheduler: str) -> Iterator[Any]:
    with _connected(scheduler) as (client, threads):
        from distributed import as_completed

        waiting = iter(_batches(tasks))

        def submit(count: int) -> list[Any]:
            # Not pure: a picture that was deleted in between must be made again.
            return [client.submit(_do_batch, work, batch, pure=False) for batch in islice(waiting, count)]

        running = as_completed(submit(_AHEAD * threads), loop=client.loop)
        for future in running:
            yield from _result(future, scheduler)
            future.release()
            running.update(submit(1))


def _result(future: Any, scheduler: str) -> list[Any]:
    from distributed.scheduler import KilledWorker

    try:
        found: list[Any] = future.result()
        return found
    except (CancelledError, KilledWorker) as error:
        raise StoreError(f"{scheduler}: the cluster was lost; the same command goes on from here ({error})") from error


def _batches(tasks: Tasks) -> Iterator[Tasks]:
    for start in range(0, len(tasks), _BATCH):
        yield tasks[start : start + _BATCH]


def _do_batch(work: Work, batch: Tasks) -> list[Any]:
    return [work(*task) for task in batch]
