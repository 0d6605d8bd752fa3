"""Running a program that is not trusted: it gets no secrets and no more than its time, and nothing of it goes on."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# Of this process's environment. Anything else may be a secret: a token, a password, an address.
HANDED_OVER = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "CUDA_VISIBLE_DEVICES", "ACCELERATE_USE_CPU"),
)
PR_SET_CHILD_SUBREAPER = 36  # of Linux's prctl


def run_untrusted(command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float) -> int | None:
    """Run a command in a folder without input and output; its exit status, or None if it was stopped after `seconds`.

    The environment is the given one and a few harmless variables of this process. All processes that the command has
    started are killed when it ends; those that have left its session are found on Linux only. It can still do
    whatever the user who calls this function may do: only a container or another user prevents that.
    """
    _adopt_orphans()
    others = _children()
    known = {name: os.environ[name] for name in HANDED_OVER if name in os.environ}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**known, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _kill(process, others)


def _kill(process: subprocess.Popen, others: set[int]) -> None:
    """Kill what is left of a process, its session and its orphans; `others` are children that it did not start."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while orphans := _children() - others:
        for orphan in orphans:
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(orphan, 0)


def _adopt_orphans() -> None:
    """Become, on Linux, the parent of all descendants whose own parent ends, so that `_children` finds them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> set[int]:
    """The processes whose parent is this one; none where the system does not list them."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(child) for path in lists for child in path.read_text().split()}
