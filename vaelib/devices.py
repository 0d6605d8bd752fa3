"""What training computes on: the device, its precision and its compiler, and the processes that share the work."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator

from .errors import UserError

PRECISIONS = ("float32", "bfloat16", "auto")


def connect() -> Accelerator:
    """Find the device, and the other processes where a launcher has started several.

    Raises `UserError` if they cannot reach each other: each would train alone, into the same folder.
    """
    # Accelerate connects processes on CPUs only if it is told to use them. Its autocast cannot change in a process, so
    # that is ours.
    accelerator = Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")
    started = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1
    if accelerator.num_processes != started:
        raise UserError(
            f"{started} processes were started and do not reach each other on this device ({accelerator.device.type}): "
            "start one alone, or set the environment variable ACCELERATE_USE_CPU=true."
        )
    return accelerator


def share_batch_statistics(model: torch.nn.Module, accelerator: Accelerator) -> None:
    """Let batch normalisation use the statistics of all processes' images; on CPUs torch cannot, each uses its own."""
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)  # replaces the layers in place


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context in which matrix products are computed in `precision`; sums and losses stay float32."""
    wanted = precision == "bfloat16" or (precision == "auto" and computes_in_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 numbers itself, so that using them saves time."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without such instructions a CPU emulates them, slower than float32.
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def compiled(module: torch.nn.Module, accelerator: Accelerator) -> torch.nn.Module:
    """A module that computes the same by kernels which torch.compile writes when it is first called.

    Raises `UserError` where they cannot be built, for want of a compiler for instance.
    """
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(2, device=accelerator.device))
    except Exception as error:  # of many kinds, by system and by what is missing
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"torch.compile does not work here ({reason}): install a C++ compiler, or train with --set compile=false."
        ) from error
    # "reduce-overhead" launches all kernels of a call together, as CUDA graphs. With several processes a call also
    # exchanges numbers between them: there the plain mode is the safe one.
    alone_on_cuda = accelerator.device.type == "cuda" and accelerator.num_processes == 1
    return torch.compile(module, mode="reduce-overhead" if alone_on_cuda else "default")
