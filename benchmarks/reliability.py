"""Hostile and broken inputs by the thousand, and kills at random moments: what becomes of them is counted.

    python -m benchmarks.reliability --inputs 2000 --kills 5 --output benchmarks/recorded/reliability.json

Inputs are good files that a seeded mutator has changed: bytes flipped, removed, repeated, replaced by numbers at the
edge of their range. The right answer to each is a result or a `UserError`. Anything else counts as a traceback. A file
written outside of the target folder counts, too. Kills are SIGKILL to `vaelib prepare` and `vaelib train`; afterwards
the same command has to end with the files that an undisturbed one writes.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vaelib import models
from vaelib.data import tables
from vaelib.data.archives import open_archive
from vaelib.data.decode import DecodedImages
from vaelib.data.kinds import is_image
from vaelib.data.layout import layout
from vaelib.data.unused import Unused
from vaelib.runs import checkpoints, experiments
from vaelib.support.devices import hardware
from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import write_tensors

SEED = 0
EDGES = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"-1",
    b"9" * 40,
    b"../",
    b"\\",
]
KINDS = ("zips", "tars", "images", "annotation tables", "checkpoints", "experiment files", "settings")
TRAINING = ["size=32", "epochs=3", "batch_size=8", "latent_dim=4", "channels=[8,16]", "precision=float32"]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The bytes after one to eight random changes."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 4, 16, 64))
        change = chance.choice(("flip", "remove", "repeat", "edge", "cut"))
        if change == "flip" and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif change == "remove":
            del data[place : place + length]
        elif change == "repeat":
            data[place:place] = data[place : place + length] * chance.randint(1, 4)
        elif change == "edge":
            edge = chance.choice(EDGES)
            data[place : place + len(edge)] = edge
        elif change == "cut" and chance.random() < 0.1:
            del data[place:]
    return bytes(data)


def pictures(folder: Path, n: int) -> None:
    """Write n small pictures, in several formats."""
    folder.mkdir(parents=True)
    for i in range(n):
        squares = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        suffix = ("png", "jpg", "webp", "gif", "bmp", "tif")[i % 6]
        Image.fromarray(np.kron(squares, np.ones((8, 8, 1), np.uint8))).save(folder / f"p{i:03}.{suffix}")


def seeds(place: Path) -> dict[str, list[Path]]:
    """Good files of each kind, which are mutated."""
    pictures(place / "pics" / "train", 12)
    shutil.make_archive(str(place / "a"), "zip", place / "pics")
    for kind in ("tar", "gztar"):
        shutil.make_archive(str(place / "a"), kind, place / "pics")
    rows = "".join(f"{i:06}.jpg,{i % 2 * 2 - 1},{-1}\n" for i in range(30))
    (place / "table.csv").write_text("image_id,Smiling,Male\n" + rows)
    torch.manual_seed(SEED)
    checkpoints.write_model(place / "model.safetensors", models.VAE(32, 4, (8, 16)))
    write_tensors(place / "other.safetensors", {"a": torch.zeros(3)}, {})
    experiments.write(experiments.load("faces32"), place / "config.toml")
    return {
        "zips": [place / "a.zip"],
        "tars": [place / "a.tar", place / "a.tar.gz"],
        "images": sorted((place / "pics/train").iterdir()),
        "annotation tables": [place / "table.csv"],
        "checkpoints": [place / "model.safetensors", place / "other.safetensors"],
        "experiment files": [place / "config.toml"],
    }


class _File:
    """A source of one file."""

    def __init__(self, content: bytes):
        self.path, self.files, self.content = Path("file"), ["file"], content

    def read(self, name: str) -> bytes:
        """Its bytes."""
        return self.content


def read_archive(path: Path) -> None:
    """Open an archive as `vaelib prepare` does, and decode its images."""
    source = open_archive(path)
    names = layout(filter(is_image, source.files), Unused()).names
    list(DecodedImages(source, names, 32))


def read_table(path: Path) -> None:
    """Read labels and partitions from a table."""
    table = tables.parse(path, path.read_bytes)
    tables.labels(table, list(table.rows), "there")
    tables.partitions(table, list(table.rows))


READERS: dict[str, Callable[[Path], object]] = {
    "zips": read_archive,
    "tars": read_archive,
    "images": lambda path: list(DecodedImages(_File(path.read_bytes()), ["file"], 32)),
    "annotation tables": read_table,
    "checkpoints": checkpoints.read_model,
    "experiment files": experiments.read,
}


def fuzz(kind: str, number: int, place: Path) -> dict:
    """Read `number` mutated files of a kind; count results, sentences and tracebacks, and keep the worst time."""
    good, chance = seeds(place / "seeds")[kind], random.Random(f"{SEED} {kind}")
    target = place / "target"
    target.mkdir()
    counts, slowest, tracebacks = {"results": 0, "sentences": 0, "tracebacks": 0}, 0.0, set()
    before = set(place.rglob("*"))
    for _ in range(number):
        seed = chance.choice(good)
        path = target / f"input{''.join(seed.suffixes)}"
        path.write_bytes(mutated(seed.read_bytes(), chance))
        started = time.perf_counter()
        outcome = _outcome(lambda path=path: READERS[kind](path), tracebacks)
        counts[outcome] += 1
        slowest = max(slowest, time.perf_counter() - started)
        path.unlink()
    outside = len(set(place.rglob("*")) - before)
    return {"inputs": number, **counts, "kinds of tracebacks": sorted(tracebacks)} | {
        "files outside the target": outside,
        "slowest, s": round(slowest, 3),
    }


def fuzz_settings(number: int, place: Path) -> dict:
    """Read an experiment with mutated `--set key=value`."""
    experiments.write(experiments.load("faces32"), place / "config.toml")
    chance, counts, tracebacks = (
        random.Random(f"{SEED} settings"),
        {"results": 0, "sentences": 0, "tracebacks": 0},
        set(),
    )
    lines = [line.replace(" = ", "=") for line in (place / "config.toml").read_text().splitlines()]
    for _ in range(number):
        override = mutated(chance.choice(lines).encode(), chance).decode(errors="surrogateescape")
        counts[_outcome(lambda override=override: experiments.read(place / "config.toml", [override]), tracebacks)] += 1
    return {"inputs": number, **counts, "kinds of tracebacks": sorted(tracebacks)}


def _outcome(work: Callable[[], object], tracebacks: set[str]) -> str:
    try:
        work()
    except UserError as error:
        return "sentences" if "\n" not in str(error).strip() else "tracebacks"
    except Exception as error:  # what must not happen is counted
        tracebacks.add(f"{type(error).__name__}: {error}"[:200])
        return "tracebacks"
    return "results"


def kill(verb: str, times: int, place: Path) -> dict:
    """Kill a command at random moments and give it again; count how often its files differ from undisturbed ones."""
    pictures(place / "pics", 120)
    chance, different, left, stopped = random.Random(f"{SEED} {verb}"), 0, 0, 0
    seconds = _timed(_command(verb, place, "whole"))
    expected = _files(verb, place, "whole")
    for number in range(times):
        name = f"killed{number}"
        process = subprocess.Popen(_command(verb, place, name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=chance.uniform(0.2, 1) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            stopped += 1
        subprocess.run([*_command(verb, place, name), *(["--resume"] if verb == "train" else [])], capture_output=True)
        different += _files(verb, place, name) != expected
        left += len([path for path in (place / name).rglob("*") if ".partial" in path.name])
    return {"runs": times, "killed in time": stopped, "different afterwards": different, "temporary files left": left}


def _command(verb: str, place: Path, name: str) -> list[str]:
    start = [sys.executable, "-m", "vaelib", verb]
    if verb == "prepare":
        return [*start, str(place / "pics"), "--size", "32", "--root", str(place / name)]
    changes = [word for setting in [*TRAINING, f"dataset={place / 'pics'}"] for word in ("--set", setting)]
    return [*start, "faces32", *changes, "--root", str(place / "root"), "--out", str(place / name)]


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _files(verb: str, place: Path, name: str) -> dict[str, bytes]:
    """The files that have to be equal bit for bit: without times, and without absolute paths in them."""
    wanted = (
        ("images.npy",) if verb == "prepare" else ("model.safetensors", "statistics.safetensors", "codes.safetensors")
    )
    return {path.name: path.read_bytes() for path in sorted((place / name).rglob("*")) if path.name in wanted}


def main() -> None:
    """Run what is asked for and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="mutated files of each kind")
    parser.add_argument("--kills", type=int, default=50, help="kills of each command")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    record: dict = {
        "date": date.today().isoformat(),
        "seed": SEED,
        "hardware": hardware(),
        "command": f"python -m benchmarks.reliability --inputs {options.inputs} --kills {options.kills}",
        "versions": {name: version(name) for name in ("torch", "pillow", "safetensors")},
        "fuzzing": {},
        "kills": {},
    }
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as place:
            work = fuzz_settings if kind == "settings" else lambda n, p, kind=kind: fuzz(kind, n, p)
            record["fuzzing"][kind] = work(options.inputs, Path(place))
        print(kind, record["fuzzing"][kind], flush=True)
    record["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for verb in ("prepare", "train") if options.kills else ():
        with tempfile.TemporaryDirectory() as place:
            record["kills"][verb] = kill(verb, options.kills, Path(place))
        print(verb, record["kills"][verb], flush=True)
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
