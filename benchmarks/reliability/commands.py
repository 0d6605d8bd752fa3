"""The command line in forked processes, which have imported everything already, so that a kill meets its work."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from PIL import Image

from vaelib.data import faces
from vaelib.runs import evaluation, pictures, train  # noqa: F401 (imported here, and not in every process)
from vaelib.support.errors import UserError

MAIN = entry_points(group="console_scripts")["vaelib"].load()  # what a shell calls as `vaelib`
TRAINING = {
    "size": 32,
    "epochs": 3,
    "batch_size": 16,
    "latent_dim": 4,
    "channels": "[8,16]",
    "precision": "float32",
}


class Forked:
    """A process that does some work; what it prints is in the file `output`."""

    def __init__(self, work: Callable[[], object], output: Path | None = None, **environment: object):
        self.output, self.status = output, None
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._work(work, environment)

    def _work(self, work: Callable[[], object], environment: Mapping[str, object]) -> None:
        status = 1
        try:
            os.environ.update({name: str(value) for name, value in environment.items()})
            if self.output:
                written = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.dup2(written, 1)
                os.dup2(written, 2)
            work()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(bool(error.code))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait(self, seconds: float = math.inf) -> int | None:
        """The exit status, negative for a signal; None if the process still runs after these seconds."""
        until = time.monotonic() + seconds
        while self.status is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG if math.isfinite(seconds) else 0)
            if pid:
                self.status, self.usage = os.waitstatus_to_exitcode(status), usage
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.002)
        return self.status

    def kill(self) -> None:
        """Kill the process by SIGKILL, which it cannot notice, and wait for its end."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def printed(self) -> str:
        """What the process has printed, on both streams."""
        return self.output.read_text(errors="replace") if self.output else ""


def forked(work: Callable[[], object]) -> None:
    """Do some work in a process of its own. Raises `UserError` if it fails."""
    process = Forked(work)
    try:
        if process.wait():
            raise UserError("A stage has failed: read what it has printed.")
    finally:
        process.kill()


def vaelib(arguments: list[str], output: Path, **environment: object) -> Forked:
    """Start `vaelib` with these arguments."""

    def work() -> None:
        sys.argv = ["vaelib", *arguments]
        MAIN()

    return Forked(work, output, **environment)


def finished(arguments: list[str], output: Path) -> float:
    """Run `vaelib` to its end and return the seconds. Raises `RuntimeError` if it fails."""
    started, process = time.monotonic(), vaelib(arguments, output)
    if process.wait():
        raise RuntimeError(process.printed())
    return time.monotonic() - started


def ending(process: Forked) -> str:
    """How a command has ended: "finished", with a sentence ("sentences"), or otherwise ("tracebacks")."""
    if process.status == 0:
        return "finished"
    lines = process.printed().strip().splitlines() or [""]
    told = process.status == 2 and lines[-1].startswith("vaelib: ") and lines[-1].endswith(".")
    return "sentences" if told and "Traceback" not in process.printed() else "tracebacks"


def draw_faces(folder: Path, number: int = 240) -> Path:
    """Write drawn faces of 32 pixels, which `vaelib prepare` reads as any folder of images."""
    folder.mkdir(parents=True)
    images = (255 * faces.render(faces.sample_factors(number, seed=0), 32)).byte().permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    return folder


def train_command(place: Path, out: Path, **changes: object) -> list[str]:
    """The arguments of a training run of a few seconds, on the faces in place/faces."""
    settings = TRAINING | {"dataset": place / "faces"} | changes
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train", "faces32", *words, "--root", str(place / "root"), "--out", str(out)]
