"""The hardware of training: the device, its precision and compiler, and the processes that share the work."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from accelerate import Accelerator
from accelerate.utils import parse_flag_from_env

from .errors import UserError, first_line

PRECISIONS = ("float32", "bfloat16", "auto")


def accelerator() -> Accelerator:
    """Find the device, and the other processes if a launcher has started several.

    Raises `UserError` if there are more processes than GPUs, or if the processes cannot reach each other: each would
    train alone and write to the same folder.
    """
    _require_a_gpu_for_each()  # first, because Accelerate makes the processes wait for each other
    # Accelerate connects CPU processes only with cpu=True. Its mixed precision cannot change within a process, so
    # `autocast` below is used instead.
    found = Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")
    started = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1
    if found.num_processes != started:
        raise UserError(
            f"{started} processes were started and do not reach each other on this device ({found.device.type}): "
            "start one alone, or set the environment variable ACCELERATE_USE_CPU=true."
        )
    return found


def _require_a_gpu_for_each() -> None:
    """Raise `UserError` if more GPU processes were started on this machine than it has GPUs."""
    if parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available():
        return
    started, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
    if started > gpus:
        raise UserError(
            f"{started} processes were started on {gpus} GPU(s): give --num_processes no more than there are GPUs."
        )


@contextmanager
def out_of_memory_as_user_error(remedy: str) -> Iterator[None]:
    """Turn a GPU whose memory is full into a `UserError` that names `remedy`, a clause without a full stop."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(f"The GPU's memory is full: {remedy}.") from error


LOST = ("connection closed", "connection reset", "connection refused", "broken pipe", "remote process exited", "gloo")


@contextmanager
def lost_process_as_user_error(remedy: str) -> Iterator[None]:
    """Turn the error of a process whose partner has ended into a `UserError` with `remedy`, a clause."""
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_process(error):
            raise
        raise UserError(
            "Another process of this training run has ended, so this one stops as well: read what the other one has "
            f"printed, and {remedy}."
        ) from error


def _is_lost_process(error: RuntimeError) -> bool:
    """Whether an error says that another process cannot be reached. Gloo and NCCL raise errors of several kinds."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return False
    if isinstance(error, torch.OutOfMemoryError):
        return False
    return isinstance(error, torch.distributed.DistError) or any(word in str(error).lower() for word in LOST)


def share_batch_statistics(model: torch.nn.Module, accelerator: Accelerator) -> None:
    """Let batch normalisation use the statistics of all processes' images. On CPUs each process uses its own."""
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)  # replaces the layers in place


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context in which matrix products are computed in `precision`; sums and losses stay float32."""
    wanted = precision == "bfloat16" or (precision == "auto" and computes_in_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has bfloat16 instructions, so that bfloat16 saves time."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # A CPU without them emulates bfloat16, which is slower than float32.
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def compiled(module: torch.nn.Module, accelerator: Accelerator) -> torch.nn.Module:
    """The module under torch.compile; its kernels are generated at the first call.

    Raises `UserError` as `require_compiler` does.
    """
    require_compiler(accelerator)
    # "reduce-overhead" launches all kernels of a call together, as a CUDA graph.
    mode = "reduce-overhead" if accelerator.device.type == "cuda" else "default"
    return cast(torch.nn.Module, torch.compile(module, mode=mode))


def require_compiler(accelerator: Accelerator) -> None:
    """Raise `UserError` if kernels cannot be built (without a C++ compiler, for example), or in several processes.

    Call it before a run's folder is made.
    """
    if accelerator.num_processes > 1:
        raise UserError("torch.compile is for one process here: train with --set compile=false.")
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(2, device=accelerator.device))
    except Exception as error:  # the kind depends on the system and on what is missing
        raise UserError(
            f"torch.compile does not work here ({first_line(error)}): install a C++ compiler, or train with --set "
            "compile=false."
        ) from error


def hardware() -> str:
    """The device that models run on, in words: the GPUs of all processes, or the number of processor threads."""
    found = accelerator()
    device, processes = found.device, found.num_processes
    if device.type == "cuda":
        return (f"{processes} × " if processes > 1 else "") + torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return f"{device.type.upper()}, {platform.machine()}"
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of a CPU, {platform.machine()}"
