"""SIGKILL at random moments of a command: no file is half-written, and the same command then ends as if undisturbed."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from .commands import draw_faces, finished, train_command, vaelib
from .contents import HALF, contents, temporary
from .records import SEED, Outcome, Trial

MOST_TRIES = 20  # to kill a command before it ends


def kills(verb: str) -> Callable[[Path], Trial]:
    """The trials of a command: each kills it once, looks at its files, and gives it again."""

    def start(place: Path) -> Trial:
        draw_faces(place / "faces")
        if verb != "prepare":
            finished(["prepare", str(place / "faces"), "--size", "32", "--root", str(place / "root")], place / "log")
        if verb == "evaluate":
            finished(train_command(place, place / "trained"), place / "log")
        seconds = finished(begin(verb, place, "whole"), place / "log")
        whole = contents(place / "whole")
        lost = contents(place / "trained") if verb == "evaluate" else {}

        def trial(number: int) -> Outcome:
            chance = random.Random(f"{SEED} {verb} {number}")
            for attempt in range(MOST_TRIES):
                name = f"killed-{number}-{attempt}"
                process = vaelib(begin(verb, place, name), place / "log")
                if process.wait(chance.uniform(0, seconds)) is None:
                    process.kill()
                if process.status == -signal.SIGKILL:  # or else it has ended before
                    break
            left = contents(place / name)
            unfinished = temporary(place / name)
            begun = {"files on the disk": int(bool(left or unfinished)), "temporary files after the kill": unfinished}
            half = sum(content == HALF for content in left.values())
            gone = sum(left.get(path) not in (content, whole[path]) for path, content in lost.items())
            finished(again(verb, place, name), place / "log")
            after = contents(place / name)
            different = sorted(path for path in {*after, *whole} if after.get(path) != whole.get(path))
            stray = temporary(place / name)
            shutil.rmtree(place / name)
            return begun | {
                "killed": int(process.status == -signal.SIGKILL),
                "half-written": half,
                "lost": gone,
                "different afterwards": int(bool(different)),
                "temporary files left": stray,
                "examples": different,
            }

        return trial

    return start


def begin(verb: str, place: Path, name: str) -> list[str]:
    """The arguments of a command that writes to the folder of that name."""
    if verb == "prepare":
        return ["prepare", str(place / "faces"), "--size", "32", "--root", str(place / name)]
    if verb == "train":
        return train_command(place, place / name)
    shutil.copytree(place / "trained", place / name)
    return again(verb, place, name)


def again(verb: str, place: Path, name: str) -> list[str]:
    """The arguments with which the command goes on after it was killed."""
    if verb == "evaluate":
        return ["evaluate", str(place / name), "--root", str(place / "root")]
    return begin(verb, place, name) + (["--resume"] if verb == "train" else [])


ROWS = {verb: kills(verb) for verb in ("prepare", "train", "evaluate")}
