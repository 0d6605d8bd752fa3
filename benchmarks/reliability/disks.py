"""Disks that are full at a random moment of a command, or after a random number of bytes.

The disk is a tmpfs that only the command's own process sees: Linux gives it a namespace. Every second trial fills it
at a random moment; the others give the command a disk with too little room for some of its files. The right end is one
sentence, with every old file whole, or a finished command where there was room enough.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from vaelib.support.errors import UserError

from .commands import Forked, draw_faces, ending, finished, train_command, vaelib
from .contents import HALF, contents
from .records import SEED, Outcome, Trial

NEW_NAMESPACES = 0x10000000 | 0x00020000  # of users and of mounts
PRIVATE = 0x40000 | 0x4000  # a mount whose changes nobody else sees, with all below it
PIECE = 4096  # bytes; a page of a tmpfs
WEIGHTS = "run/model.safetensors"
FITTED = ("run/statistics.safetensors", "run/codes.safetensors")  # removed when new weights replace those they describe
ROOMY = 256 * 2**20  # bytes of a disk that is filled later


def disks(verb: str) -> Callable[[Path], Trial]:
    """The trials of a command that writes over older files."""

    def start(place: Path) -> Trial:
        faces = draw_faces(place / "faces")
        finished(["prepare", str(faces), "--size", "32", "--root", str(place / "root")], place / "log")
        old, disk = place / "old", place / "disk"
        old.mkdir()
        disk.mkdir()
        if verb == "prepare":
            finished(["prepare", str(faces), "--size", "32", "--root", str(old)], place / "log")
            shutil.copy(faces / "000.png", faces / "new.png")
        else:
            finished(train_command(place, old / "run"), place / "log")
        command = COMMANDS[verb](place, disk)
        shutil.copytree(old, disk, dirs_exist_ok=True)
        seconds = finished(command, place / "log")
        before, whole = contents(old), contents(disk)
        needed = size_of(disk, [path for path in whole if whole[path] != before.get(path)])
        empty(disk)

        def trial(number: int) -> Outcome:
            chance, after = random.Random(f"{SEED} full {verb} {number}"), place / "after"
            moment = chance.uniform(0, seconds) if number % 2 else None
            room = ROOMY if number % 2 else size_of(old) + int(chance.random() * needed)
            watch = Forked(lambda: _on_a_disk(disk, room, moment, old, after, command, place / "log"), place / "watch")
            if watch.wait() not in (0, 2):
                raise RuntimeError(watch.printed())
            process = watch
            process.output = place / "log"
            found = contents(after)
            half = sum(content == HALF for content in found.values())
            gone = FITTED if found.get(WEIGHTS) == whole.get(WEIGHTS) != before.get(WEIGHTS) else ()
            kept = {path: content for path, content in before.items() if path in found or path not in gone}
            lost = sorted(path for path, content in kept.items() if found.get(path) not in (content, whole.get(path)))
            how = ending(process)
            wrong = int(how == "finished" and found != whole)
            example = [process.printed()[-300:]] if how == "tracebacks" else []
            shutil.rmtree(after)
            return {
                **dict.fromkeys(("finished", "sentences", "tracebacks"), 0),
                how: 1,
                "half-written": half,
                "old files lost": len(lost),
                "finished and different": wrong,
                "examples": lost + example,
            }

        return trial

    return start


COMMANDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "prepare": lambda place, disk: ["prepare", str(place / "faces"), "--size", "32", "--root", str(disk)],
    "train": lambda place, disk: [*train_command(place, disk / "run", epochs=4), "--resume"],
    "evaluate": lambda place, disk: ["evaluate", str(disk / "run"), "--root", str(place / "root")],
    "refine": lambda place, disk: ["refine", str(disk / "run"), "--steps", "1", "--root", str(place / "root")],
    "generate": lambda place, disk: ["generate", str(disk / "run"), "-n", "400", "-o", str(disk / "run" / "grid.png")],
}
ROWS = {verb: disks(verb) for verb in COMMANDS}


def _on_a_disk(
    disk: Path, room: int, moment: float | None, old: Path, after: Path, command: list[str], log: Path
) -> None:
    """Run a command on a disk of `room` bytes that holds what is in `old`; copy what it leaves to `after`."""
    mount(disk, room)
    shutil.copytree(old, disk, dirs_exist_ok=True)
    process = vaelib(command, log)
    if moment is not None and process.wait(moment) is None:
        fill(disk / "ballast")
    status = process.wait()
    (disk / "ballast").unlink(missing_ok=True)
    shutil.copytree(disk, after)
    os._exit(status or 0)


def mount(disk: Path, room: int) -> None:
    """Mount a tmpfs of `room` bytes for this process and its children. Raises `UserError` where that is refused."""
    system, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if not hasattr(system, "unshare") or system.unshare(NEW_NAMESPACES):
        raise UserError(
            "Disks of a given size need Linux with namespaces for users: leave out the stage of full disks."
        )
    for name, text in {"setgroups": "deny", "uid_map": f"0 {user} 1", "gid_map": f"0 {group} 1"}.items():
        Path("/proc/self", name).write_text(text)
    options = f"size={room // PIECE * PIECE}".encode()
    if system.mount(None, b"/", None, PRIVATE, None) or system.mount(b"tmpfs", os.fsencode(disk), b"tmpfs", 0, options):
        raise UserError("A disk of a given size cannot be mounted here: leave out the stage of full disks.")


def fill(path: Path) -> None:
    """Write zeros to a file until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for piece in (2**20, PIECE):
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue


def size_of(folder: Path, names: Iterable[str] | None = None) -> int:
    """The bytes that a tmpfs needs for a folder, or for some of its files: whole pages, and one for each folder."""
    paths = folder.rglob("*") if names is None else [folder / name for name in names]
    return sum(-(-path.stat().st_size // PIECE) * PIECE if path.is_file() else PIECE for path in paths)


def empty(folder: Path) -> None:
    """Remove all that is in a folder."""
    shutil.rmtree(folder)
    folder.mkdir()
