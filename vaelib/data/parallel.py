"""Work in parallel on the processor's cores with results in order, and its progress bar.

The workers are threads: decoding and rendering run in C without Python's lock, so two threads on two cores are nearly
twice as fast as one. Unlike processes, threads start at once and need no `if __name__ == "__main__"` in the caller's
script.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from tqdm import tqdm

from ..support.errors import printable

Job = TypeVar("Job")
Result = TypeVar("Result")

MOST_THREADS = 4  # more would wait for Python's lock: on 16 cores, 4 threads decode 5,000 images/s, 16 only 2,700


def ordered(function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
    """`map(function, jobs)` on up to four cores. At most two results per core are kept waiting, to save memory.

    In each worker torch uses one thread: many small operations in parallel are faster than one on many threads.
    """
    workers, torch_threads = _cores(), torch.get_num_threads()
    waiting: deque[Future[Result]] = deque()
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for job in jobs:
                waiting.append(pool.submit(function, job))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(torch_threads)


def _cores() -> int:
    """The number of threads: the cores that this process may use, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def progress_bar(total: int, description: str, shown: bool) -> tqdm:
    """A progress bar; in a log file, a line every ten seconds."""
    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(total=total, desc=description, unit=" images", disable=not shown, mininterval=interval)


def report(message: str) -> None:
    """Print a message that is not an error to the error stream, on one line and without breaking progress bars."""
    tqdm.write(printable(message), file=sys.stderr)
