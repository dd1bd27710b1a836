"""What takes long waits for its turn, so that however much is asked at once, a sound is not kept waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")

_AT_ONCE = ThreadPoolExecutor(2, "studio")


async def slowly(work: Callable[_Given, _Found], *given: _Given.args, **more: _Given.kwargs) -> _Found:
    """What `work` gives, done in a thread, two of such at a time; what it raises is raised here."""
    return await asyncio.get_running_loop().run_in_executor(_AT_ONCE, lambda: work(*given, **more))
