"""Where work on many recordings is done: here, in a few processes, or on the machines of a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

from birdclef_mind.checks import is_whole, require
from birdclef_mind.errors import ConfigError, StoreError

Work: TypeAlias = Callable[..., Any]
Tasks: TypeAlias = Sequence[tuple[Any, ...]]

_TIMEOUT_S = 30
# Tasks handed to a cluster ahead of its results, a thread: it never waits, and the client's memory stays flat.
_AHEAD = 4
_BATCH = 8


def check_workers(jobs: int, scheduler: str = "") -> None:
    """Refuse, before anything is done, what `run_all` could not work with: ConfigError says why."""
    require(is_whole(jobs) and jobs > 0, "jobs", "a whole number above 0", jobs)
    if scheduler:
        with _connected(scheduler):
            pass


def run_all(work: Work, tasks: Tasks, jobs: int, scheduler: str = "") -> Iterator[Any]:
    """Call `work` with each task and yield the results, in any order; what it raises is raised here.

    Parameters
    ----------
    jobs : processes on this machine; ignored with a scheduler.
    scheduler : address of a Dask scheduler, such as "tcp://10.0.0.1:8786". Its workers must see the same folders at the
        same paths and have this package; one that is lost has its tasks done by others.
    """
    if scheduler:
        yield from _on_cluster(work, tasks, scheduler)
    elif jobs == 1:
        yield from (work(*task) for task in tasks)
    else:
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=_BATCH)
        yield from pool(delayed(work)(*task) for task in tasks)


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
