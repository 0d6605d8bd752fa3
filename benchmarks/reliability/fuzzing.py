"""Good files that a seeded mutator has changed, by the thousand: the answer is a result or one sentence.

Anything else counts as a traceback. Files that are written outside of the target folder are counted, and so is an
input that takes more than 20 seconds of the processor or lets the process exceed 2 GB. Every kind has its own process.
"""

from __future__ import annotations

import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from vaelib import data, models
from vaelib.data import decode, tables
from vaelib.data.decode import DecodedImages
from vaelib.detail import Detail, UNet
from vaelib.priors import Gaussian, GaussianMixture
from vaelib.runs import checkpoints, experiments, statistics
from vaelib.runs.statistics import Codes, Statistics
from vaelib.sharpening import Sharpener, bands
from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import write_tensors

from .mutations import in_turn, mutated, mutated_lines, mutated_tar, mutated_tensors, mutated_zip
from .records import SEED, Outcome, Trial

LONGEST = 20  # seconds of the processor for one input
MOST_MEMORY = 2 * 2**30  # bytes of the process
FORBIDDEN = 6 * 2**30  # bytes that the system refuses, for the sake of the machine
ARCHITECTURE = {"image_size": 32, "latent_dim": 4, "channels": (8, 16)}
WRITING = os.O_WRONLY | os.O_RDWR

Mutator = Callable[[bytes, random.Random], bytes]
Reader = Callable[[Path], object]


class TooSlow(BaseException):
    """An input has used up its time. No handler of errors catches this."""


def fuzz(make: Callable[[Path], Sequence[Path]], mutate: Mutator, read: Reader) -> Callable[[Path], Trial]:
    """Trials that read a changed copy of one of the files that `make` writes."""

    def start(place: Path) -> Trial:
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        good = [(path.name, path.read_bytes()) for path in make(place / "good")]
        target = place / "target"
        tempfile.tempdir = str(target)
        outside = watch_writes(target)
        resource.setrlimit(resource.RLIMIT_DATA, (FORBIDDEN, FORBIDDEN))
        signal.signal(signal.SIGPROF, _stop)

        def trial(number: int) -> Outcome:
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            chance = random.Random(f"{SEED} {read.__name__} {number}")
            name, content = chance.choice(good)
            path = target / name
            path.write_bytes(mutate(content, chance))
            outside.clear()
            with redirect_stderr(io.StringIO()):  # notes on what is not used
                how, example, seconds = outcome(lambda: read(path))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            return {
                **dict.fromkeys(("results", "sentences", "tracebacks", "too slow"), 0),
                how: 1,
                "files outside": len(outside),
                "too large": int(memory > MOST_MEMORY),
                "slowest, s": round(seconds, 3),
                "most memory, MB": memory // 2**20,
                "examples": [f"{number}: {example}"] if example else outside[:1],
            }

        return trial

    return start


def outcome(work: Callable[[], object]) -> tuple[str, str, float]:
    """What becomes of some work: "results", "sentences", "tracebacks" or "too slow"; an example; its seconds."""
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        work()
        how, example = "results", ""
    except UserError as error:
        sentence = str(error).strip()
        is_one = "\n" not in sentence and sentence.endswith((".", "?"))
        how, example = ("sentences", "") if is_one else ("tracebacks", repr(sentence)[:300])
    except TooSlow:
        how, example = "too slow", "too slow"
    except Exception as error:  # what must not happen is counted
        how, example = "tracebacks", f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return how, example, time.process_time() - started


def _stop(*_: object) -> None:
    raise TooSlow


def watch_writes(target: Path) -> list[str]:
    """A list of the paths outside of `target` that this process opens to write, makes, renames or links to."""
    paths: list[str] = []

    def hook(event: str, arguments: tuple) -> None:
        if event in ("os.rename", "os.link", "os.symlink"):
            path = arguments[1]
        elif event == "os.mkdir" or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            path = arguments[0]
        else:
            return
        if not isinstance(path, int) and not os.path.realpath(os.fsdecode(path)).startswith(str(target)):
            paths.append(os.fsdecode(path))

    sys.addaudithook(hook)
    return paths


# The good files


def pictures(folder: Path, number: int = 12) -> list[Path]:
    """Small pictures in several formats, with and without transparency, of 8 bits and of 16."""
    folder.mkdir(parents=True)
    for i in range(number):
        squares = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        image = Image.fromarray(np.kron(squares, np.ones((8, 8, 1), np.uint8)))
        suffix = ("png", "jpg", "webp", "gif", "bmp", "tif")[i % 6]
        if i >= 6 and suffix in ("png", "webp", "gif"):
            image.putalpha(128)
        if i == 6:
            image = Image.fromarray(np.asarray(image)[..., 0].astype(np.uint16) * 257)
        options = {"exif": _turned()} if suffix == "jpg" else {"compression": "tiff_lzw"} if suffix == "tif" else {}
        image.save(folder / f"p{i:03}.{suffix}", **options)
    return sorted(folder.iterdir())


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def packed(*kinds: str) -> Callable[[Path], list[Path]]:
    """Archives of pictures in folders."""

    def make(folder: Path) -> list[Path]:
        pictures(folder / "pics" / "train")
        return [Path(shutil.make_archive(str(folder / "a"), kind, folder / "pics")) for kind in kinds]

    return make


def annotations(folder: Path) -> list[Path]:
    """Tables as the official files, as Kaggle's, and as a spreadsheet writes them."""
    folder.mkdir(parents=True)
    rows = [f"{i:06}.jpg {i % 2 * 2 - 1} -1" for i in range(1, 31)]
    official = "\n".join(["30", "Smiling Male", *rows]) + "\n"
    kaggle = "\n".join(["image_id Smiling Male", *rows]).replace(" ", ",") + "\n"
    partition = "".join(f"{i:06}.jpg {i % 3}\n" for i in range(1, 31))
    (folder / "official.txt").write_text(official)
    (folder / "kaggle.csv").write_text(kaggle)
    (folder / "sheet.csv").write_text(kaggle.replace(",", ";"), encoding="utf-16")
    (folder / "partition.txt").write_text(partition)
    return sorted(folder.iterdir())


def weights(folder: Path) -> list[Path]:
    """The weights of a model, the state to resume from, and a pixel flow."""
    folder.mkdir()
    torch.manual_seed(SEED)
    model = models.VAE(**ARCHITECTURE)
    checkpoints.write_model(folder / "model.safetensors", model)
    moments = torch.optim.Adam(model.parameters())
    model(torch.rand(4, 3, 32, 32))[0].sum().backward()
    moments.step()
    checkpoints.write_resume(
        folder / "resume.safetensors", SimpleNamespace(state=model, optimizer=moments, history=[{}])
    )
    detail = Detail(1, channels=(8, 8))
    detail.network = UNet((8, 8))
    checkpoints.write_detail(folder / "detail.safetensors", detail)
    write_tensors(folder / "other.safetensors", {"a": torch.zeros(3)}, {})
    return sorted(folder.iterdir())


def fitted(folder: Path) -> list[Path]:
    """Statistics with every part, and codes."""
    folder.mkdir()
    mu = torch.randn(200, 4, generator=torch.Generator().manual_seed(SEED))
    priors = {"gaussian": Gaussian().fit(mu, mu), "gmm": GaussianMixture(3).fit(mu, mu)}
    sharpener = Sharpener()
    sharpener.gains = torch.ones(bands(32))
    found = Statistics(priors, 0.1, ["Smiling", "Male"], torch.randn(2, 4), sharpener)
    statistics.write_statistics(folder / "statistics.safetensors", found)
    statistics.write_codes(folder / "codes.safetensors", Codes(mu, mu.clone(), mu[:, :2] > 0, ["Smiling", "Male"]))
    return sorted(folder.iterdir())


def settings(folder: Path) -> list[Path]:
    """The project's experiments, and one with every key."""
    folder.mkdir()
    for name in experiments.names():
        shutil.copy(experiments.folder() / f"{name}.toml", folder)
    experiments.write(experiments.load("faces32"), folder / "whole.toml")
    return sorted(folder.iterdir())


def overrides(folder: Path) -> list[Path]:
    """One `--set key=value` in each file."""
    folder.mkdir()
    lines = experiments.load("celeba64").to_toml().splitlines()
    for i, line in enumerate([*lines, "sigma = 0.1"]):
        (folder / f"{i:02}.txt").write_text(line.replace(" = ", "="))
    return sorted(folder.iterdir())


def cache(folder: Path) -> list[Path]:
    """The files of a prepared cache with two classes."""
    for name in ("cats", "dogs"):
        pictures(folder / "pics" / name)
    prepared = data.prepare(str(folder / "pics"), 32, folder, progress=False)
    return sorted(prepared.iterdir())


# What reads them


def read_archive(path: Path) -> None:
    """Prepare an archive, and load what it holds."""
    data.load(path, 32, "train", path.parent / "root", progress=False)


def read_image(path: Path) -> None:
    """Decode an image of a dataset, and the same image as a user names it."""
    content = path.read_bytes()
    source = SimpleNamespace(path=path, files=["file"], aside={}, read=lambda name: content)
    list(DecodedImages(source, ["file"], 32))
    decoded = DecodedImages(source, ["file"], 32, crop=20)
    if list(decoded) and not decoded.broken:
        with _refusals_as_sentences():
            decode.decode(content, 32)


@contextmanager
def _refusals_as_sentences() -> Iterator[None]:
    """`decode` raises errors of many kinds, which its callers turn into sentences."""
    try:
        yield
    except Exception as error:
        raise UserError("The image cannot be read.") from error


def read_table(path: Path) -> None:
    """Read labels and partitions from a table."""
    table = tables.parse(path, path.read_bytes)
    if "partition" in path.name:
        tables.partitions(table, list(table.rows))
    else:
        tables.labels(table, list(table.rows), "there")


def read_weights(path: Path) -> None:
    """Read a file of weights as what it is, and use them once."""
    if path.name == "resume.safetensors":
        model = models.VAE(**ARCHITECTURE)
        state = SimpleNamespace(state=model, optimizer=torch.optim.Adam(model.parameters()), history=[])
        checkpoints.epochs_in(path)
        checkpoints.read_resume(path, state)
    elif path.name == "detail.safetensors":
        checkpoints.read_detail(path, ARCHITECTURE)(torch.zeros(1, 3, 32, 32))
    else:
        checkpoints.read_model(path).sample(2)


def read_fitted(path: Path) -> None:
    """Read statistics or codes, and use every part."""
    if path.name == "codes.safetensors":
        statistics.read_codes(path, ARCHITECTURE).lacking("Smiling")
        return
    found = statistics.read_statistics(path, ARCHITECTURE)
    for prior in found.priors.values():
        prior.log_prob(prior.sample(2))
    for name in found.attribute_names:
        found.direction(name)
    if found.sharpener:
        found.sharpener(torch.zeros(1, 3, 32, 32))


def read_settings(path: Path) -> None:
    """Read an experiment and build its model, as training does; write it and read it again."""
    _build(experiments.read(path), path)


def read_override(path: Path) -> None:
    """Read an experiment with this override."""
    text = path.read_bytes().decode(errors="surrogateescape").replace("\0", "")  # which no shell can hand over
    _build(experiments.load("faces32", [text]), path)


def _build(experiment: experiments.Experiment, path: Path) -> None:
    experiment.build_model()
    again = path.with_name("again.toml")
    experiments.write(experiment, again)
    experiments.read(again)


def read_cache(path: Path) -> None:
    """Load a set whose prepared cache has this file in place of its own."""
    good = path.parents[1] / "good"
    shutil.copytree(good / "prepared", path.parent / "prepared")
    (place,) = (path.parent / "prepared").glob("pics-*-32")
    shutil.move(path, place / path.name)
    for split in ("train", "valid"):
        ds = data.load(str(good / "pics"), 32, split, path.parent, progress=False)
        next(iter(data.loader(ds, 4)))


ROWS = {
    "zips": fuzz(packed("zip"), in_turn(mutated, mutated_zip), read_archive),
    "tars": fuzz(packed("tar"), in_turn(mutated, mutated_tar), read_archive),
    "compressed tars": fuzz(packed("gztar", "bztar", "xztar"), mutated, read_archive),
    "annotation tables": fuzz(annotations, in_turn(mutated, mutated_lines), read_table),
    "images": fuzz(pictures, mutated, read_image),
    "checkpoints": fuzz(weights, in_turn(mutated, mutated_tensors), read_weights),
    "statistics": fuzz(fitted, in_turn(mutated, mutated_tensors), read_fitted),
    "experiment files": fuzz(settings, in_turn(mutated, mutated_lines), read_settings),
    "settings": fuzz(overrides, in_turn(mutated, mutated_lines), read_override),
    "prepared caches": fuzz(cache, mutated, read_cache),
}
