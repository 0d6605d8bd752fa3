"""Several processes on CPUs: they compute what one does, and when one is killed, the others end with a sentence."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from vaelib import training
from vaelib.data import Dataset, faces
from vaelib.models import VAE

from .commands import Forked, draw_faces, ending, finished, train_command, vaelib
from .records import SEED, Outcome, Trial

TOLERANCE = 1e-5  # relative: float32 numbers that are added in another order
CURVES = ("train_nll", "train_kl", "sigma", "valid_nll", "valid_kl", "valid_mse")
SETTINGS = {"epochs": 3, "batch_size": 16, "learning_rate": 3e-3, "warm_up_epochs": 1, "progress": False}
LONGEST = 120  # seconds until a process counts as hanging


def equal(processes: int) -> Callable[[Path], Trial]:
    """Trials that train in so many processes and in one; each trial is another seed."""

    def start(place: Path) -> Trial:
        def trial(number: int) -> Outcome:
            alone = Forked(lambda: _train(place / "alone.json", number), place / "log")
            together = [
                Forked(lambda path=place / f"{rank}.json": _train(path, number), place / f"log-{rank}", **environment)
                for rank, environment in enumerate(environments(processes))
            ]
            for process in (alone, *together):
                if process.wait():
                    raise RuntimeError(process.printed())
            expected = json.loads((place / "alone.json").read_text())
            found = [json.loads((place / f"{rank}.json").read_text()) for rank in range(processes)]
            largest = max(_difference(curves, expected) for curves in found)
            return {"largest relative difference": largest, "outside the tolerance": int(largest > TOLERANCE)}

        return trial

    return start


def lost(processes: int) -> Callable[[Path], Trial]:
    """Trials that kill one process at a random moment of training, and watch how the others end."""

    def start(place: Path) -> Trial:
        draw_faces(place / "faces")
        finished(["prepare", str(place / "faces"), "--size", "32", "--root", str(place / "root")], place / "log")

        def trial(number: int) -> Outcome:
            chance, run = random.Random(f"{SEED} lost {processes} {number}"), place / f"run-{number}"
            command = train_command(place, run, epochs=100_000)
            started = [
                vaelib(command, place / f"log-{rank}", **environment)
                for rank, environment in enumerate(environments(processes))
            ]
            try:
                _wait_for(run / "config.toml", started)
                time.sleep(chance.uniform(0, 3))
                victim = started.pop(chance.randrange(processes))
                victim.kill()
                killed, hangs = time.monotonic(), 0
                for process in started:
                    hangs += process.wait(max(0, LONGEST - (time.monotonic() - killed))) is None
                seconds = time.monotonic() - killed
                ends = [ending(process) for process in started if process.status is not None]
                examples = [process.printed()[-300:] for process in started if ending(process) == "tracebacks"]
            finally:
                for process in started:
                    process.kill()
            counts = {"others": len(started), "sentences": ends.count("sentences"), "hangs": hangs}
            wrong = len(ends) - counts["sentences"]
            return {**counts, "tracebacks": wrong, "slowest end, s": round(seconds, 1), "examples": examples}

        return trial

    return start


ROWS = {
    "two processes": equal(2),
    "four processes": equal(4),
    "one of two killed": lost(2),
    "one of four killed": lost(4),
}


def environments(processes: int) -> list[Mapping[str, object]]:
    """What a launcher tells each of several processes on one machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [{**shared, "RANK": rank, "LOCAL_RANK": rank, "ACCELERATE_USE_CPU": "true"} for rank in range(processes)]


def _train(path: Path, seed: int) -> None:
    """Train a small VAE without batch normalisation, which differs between processes, and write its curves."""
    images = (255 * faces.render(faces.sample_factors(91, seed=seed), 32)).byte().numpy()
    train, valid = Dataset(images[:70], "faces", "train"), Dataset(images[70:], "faces", "valid")
    torch.manual_seed(seed)
    model = VAE(32, 16, (8, 16))
    for layers in (model.encoder, model.decoder):
        for place, layer in enumerate(layers):
            if isinstance(layer, torch.nn.BatchNorm2d):
                layers[place] = torch.nn.Identity()
    history = training.fit(model, train, valid, seed=seed, **SETTINGS)
    path.write_text(json.dumps({curve: history[curve].tolist() for curve in CURVES}))


def _difference(curves: Mapping[str, list[float]], expected: Mapping[str, list[float]]) -> float:
    return max(float(np.abs(np.divide(curves[c], expected[c]) - 1).max()) for c in CURVES if np.any(expected[c]))


def _wait_for(path: Path, processes: list[Forked]) -> None:
    started = time.monotonic()
    while not path.exists():
        if time.monotonic() - started > 600 or any(process.wait(0) is not None for process in processes):
            raise RuntimeError("".join(process.printed() for process in processes))
        time.sleep(0.01)
