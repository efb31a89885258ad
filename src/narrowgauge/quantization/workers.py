"""Work on batches side by side, each batch in one thread."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Map = Callable[[Callable[[_Item], _Result], Iterable[_Item]], Iterator[_Result]]


@contextmanager
def workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for whole batches, while torch splits no operator among threads of its own.

    A batch then stays in the cache of one core, no core waits for another behind every operator, and how many cores
    there are cannot change the order of a sum.
    """
    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # The number is kept per thread by some of torch's back ends, and for all threads by others.
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads_before)
