"""Work begun in threads before its turn, and not too long before."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Each item and what becomes of it, in order; `count` more are handed to the pool, so that results do not pile up.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     [(word, length.result()) for word, length in ahead(pool, len, ["a", "bird", "sings"], 1)]
    [('a', 1), ('bird', 4), ('sings', 5)]
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(work, item)))
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting
