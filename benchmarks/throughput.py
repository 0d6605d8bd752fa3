"""Training throughput in images per second: vaelib's loop against other loops, and against the roofline.

    python -m benchmarks.throughput                       the experiment celeba64 on real CelebA, under VAELIB_DATA
    python -m benchmarks.throughput --dataset faces       the drawn faces, which need no data and have no JPEG files
    python -m benchmarks.throughput --set precision=float32

The contenders (contenders.py, pythae_contender.py) train the network of the experiment on the same images in batches of
the same size. They take turns for several rounds. Each has its own process, so that its memory can be measured. The
speed of a machine changes from minute to minute, so ratios are taken within a round. A contender that cannot run here
is named and left out. pythae needs `pip install pythae`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pandas as pd
import torch

from benchmarks import roofline
from benchmarks.contenders import Contender, Task, Vaelib, copy_jpegs, images_in_memory, jpeg_files
from vaelib import data
from vaelib.runs import experiments
from vaelib.support import devices
from vaelib.support.errors import UserError, run_program
from vaelib.support.files import atomic_write, require_folder_of

PACKAGES = ("torch", "torchvision", "accelerate", "numpy", "pillow", "pythae")


def pythae(task: Task) -> Contender:
    """pythae's trainer. Raises `UserError` if pythae is not installed."""
    if find_spec("pythae") is None:
        raise UserError("pythae is not installed: pip install pythae")
    from benchmarks.pythae_contender import Pythae

    return Pythae(task)


CONTENDERS: dict[str, Callable[[Task], Contender]] = {
    "vaelib": Vaelib,
    "jpeg files": jpeg_files,
    "images in memory": images_in_memory,
    "pythae": pythae,
}


def main() -> None:
    run_program("throughput", lambda: work(parse_arguments()))


def work(arguments: argparse.Namespace) -> None:
    """Measure, print a table, and write the record as JSON if an output file was named."""
    if arguments.output:
        require_folder_of(arguments.output)
    record = measure(arguments)
    print_table(record)
    if arguments.output:
        with atomic_write(arguments.output) as partial:
            partial.write_text(json.dumps(record, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the training throughput of vaelib with that of other loops.")
    parser.add_argument("--experiment", default="celeba64")
    parser.add_argument("--dataset", help="a dataset other than the experiment's")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--batches", type=int, default=20, help="batches of each contender in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a JSON file for the record")
    return parser.parse_args()


def measure(arguments: argparse.Namespace) -> dict:
    """The record of all contenders that can run on this machine."""
    experiment = experiments.load(arguments.experiment, arguments.overrides)
    dataset = arguments.dataset or experiment.dataset
    images = arguments.batches * experiment.batch_size
    available = len(data.load(dataset, experiment.size))
    if not 0 < images <= available or arguments.rounds < 1:
        raise UserError(
            f"{arguments.rounds} rounds of {arguments.batches} batches of {experiment.batch_size} images cannot be "
            f"measured, because {dataset} has {available} images: choose other --rounds and --batches."
        )
    with tempfile.TemporaryDirectory() as folder:
        copied = dataset == "celeba" and copy_jpegs(data.default_root(), images, Path(folder))
        task = Task(experiment, dataset, images, Path(folder) if copied else None, worker_counts())
        with running(task) as runners:
            rounds = [measure_round(runners, images) for _ in range(arguments.rounds)]
            facts = {name: runner.finish() for name, runner in runners.items()}
    return {
        "experiment": arguments.experiment,
        "overrides": arguments.overrides,
        "dataset": dataset,
        "batch_size": experiment.batch_size,
        "images_a_round": images,
        "rounds": arguments.rounds,
        **summary(rounds, facts),
        "hardware": describe_hardware(),
        "versions": versions(),
    }


def worker_counts() -> tuple[int, ...]:
    """The numbers of loader processes to try: none, half as many as cores, as many as cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return tuple(sorted({0, cores // 2, cores}))


@contextlib.contextmanager
def running(task: Task) -> Iterator[dict[str, Runner]]:
    """The contenders that can run, warmed up one after another. For each of the others the reason is printed.

    Raises `UserError` if vaelib itself cannot run.
    """
    runners = {}
    try:
        for name in CONTENDERS:
            try:
                runners[name] = Runner(name, task)
            except UserError as error:
                if name == "vaelib":
                    raise
                print(f"without {name}: {error}", flush=True)
        yield runners
    finally:
        for runner in runners.values():
            runner.connection.close()  # this ends its process


class Runner:
    """A contender in its own process, which trains on request and waits in between."""

    def __init__(self, name: str, task: Task):
        context = get_context("spawn")
        self.name = name
        self.connection, theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, name, task)).start()
        theirs.close()
        self.facts = self.receive()

    def epoch(self) -> float:
        """Seconds of one more pass."""
        self.connection.send("epoch")
        return self.receive()

    def finish(self) -> dict:
        """All facts about the contender except for its speed. Afterwards it cannot train any more."""
        self.connection.send("finish")
        return self.facts | {"peak_memory_bytes": self.receive()}

    def receive(self) -> object:
        """The next answer of the process. Raises `UserError` if the answer is one, or if the process has ended."""
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionResetError):
            answer = UserError(f"The process of {self.name} has died: fix the error that is shown above.")
        if isinstance(answer, UserError):
            raise answer
        return answer


def serve(connection: Connection, name: str, task: Task) -> None:
    """The program of the process of a `Runner`."""
    torch.manual_seed(task.experiment.seed)
    try:
        contender = CONTENDERS[name](task)
    except UserError as error:
        connection.send(error)
        return
    contender.epoch()  # the first pass allocates memory, chooses kernels and starts the loader's processes
    flop, traffic = roofline.count(contender.epoch)
    precision = str(contender.precision).removeprefix("torch.")
    work = {"flop_per_image": flop / task.images, "bytes_per_image": traffic / task.images}
    connection.send({"precision": precision, **contender.about, **work})
    with contextlib.suppress(EOFError):  # the other end was closed early
        while connection.recv() == "epoch":
            connection.send(contender.epoch())
        connection.send(peak_memory())


def peak_memory() -> int | None:
    """The most bytes that this process has held, in the accelerator's memory or else in main memory (Linux only).

    The loader's processes are not counted.
    """
    if devices.accelerator().device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")  # getrusage would also count what the parent held when it started this process
    if not status.is_file():
        return None
    return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE).group(1))


def measure_round(runners: dict[str, Runner], images: int) -> dict[str, float]:
    """Images/s of every contender and the ceilings of the device, measured one after another."""
    device = devices.accelerator().device
    speeds = {name: images / runner.epoch() for name, runner in runners.items()}
    for precision in {runner.facts["precision"] for runner in runners.values()}:
        speeds[precision] = roofline.matrix_product(getattr(torch, precision), device)
    return speeds | {"copy": roofline.copy(device)}


def summary(rounds: list[dict[str, float]], facts: dict[str, dict]) -> dict:
    """Medians over the rounds. Ratios are first taken within each round."""
    table = pd.DataFrame(rounds)
    ceilings = table.drop(columns=list(facts)).median()
    results = {}
    for name, known in facts.items():
        speed = table[name].median()
        ratios = table["vaelib"] / table[name]
        results[name] = known | {
            "images_per_second": speed,
            "ratio_of_vaelib": {"min": ratios.min(), "median": ratios.median(), "max": ratios.max()},
            "share_of_matrix_product": speed * known["flop_per_image"] / ceilings[known["precision"]],
            "share_of_copy": speed * known["bytes_per_image"] / ceilings["copy"],
        }
    products = ceilings.drop("copy").to_dict()
    return {"contenders": results, "roofline": {"flop_per_second": products, "bytes_per_second": ceilings["copy"]}}


def describe_hardware() -> dict:
    """The device, the processor's name, its cores, and the number of torch's threads."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.is_file() else []
    return {
        "device": devices.hardware(),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": max(worker_counts()),
        "threads": torch.get_num_threads(),
    }


def versions() -> dict[str, str]:
    """The versions of Python and of those packages that are installed and affect speed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def print_table(record: dict) -> None:
    """Print the record as a table."""
    print(
        f"{record['experiment']} on {record['dataset']}, {record['images_a_round']:,} images a round in batches of "
        f"{record['batch_size']}, medians of {record['rounds']} rounds; {record['hardware']['device']}"
    )
    rows = {name: row(facts) for name, facts in record["contenders"].items()}
    print(pd.DataFrame.from_dict(rows, orient="index").to_string())
    ceilings = record["roofline"]
    products = ", ".join(f"{name} {rate / 1e9:,.0f}" for name, rate in ceilings["flop_per_second"].items())
    print(f"roofline: matrix product {products} GFLOP/s; copy {ceilings['bytes_per_second'] / 1e9:.1f} GB/s")


def row(facts: dict) -> dict[str, str]:
    """The row of a contender in the table."""
    ratio, memory, speed = facts["ratio_of_vaelib"], facts["peak_memory_bytes"], facts["images_per_second"]
    return {
        "images/s": f"{speed:,.0f}",
        "vaelib is faster by": f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})",
        "peak MB": f"{memory / 1e6:,.0f}" if memory else "?",
        "precision": facts["precision"],
        "GFLOP/s": f"{speed * facts['flop_per_image'] / 1e9:,.0f} ({facts['share_of_matrix_product']:.0%})",
        "GB/s": f"{speed * facts['bytes_per_image'] / 1e9:.1f} ({facts['share_of_copy']:.0%})",
    }


if __name__ == "__main__":
    main()
