"""The most that a device can do, and the work that a piece of code asks of it.

Two ceilings are measured: the arithmetic of a large matrix product and the traffic of a large copy. The work of a piece
of code is counted operation by operation while it runs, so that it can be compared with the ceilings.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

SIDE = {"cpu": 2048}  # rows of the matrices
SIDE_OF_OTHERS = 8192
COPIED = 2**28  # bytes, more than most caches hold
ATTEMPTS = 3  # the fastest one counts, because a ceiling must be free of disturbances


def matrix_product(precision: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the product of two large square matrices in `precision`."""
    side = SIDE.get(device.type, SIDE_OF_OTHERS)
    a, b = torch.rand(2, side, side, device=device).to(precision)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # with the same setting as the convolutions
    seconds = _fastest(lambda: torch.mm(a, b), device)
    torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * side**3 / seconds


def copy(device: torch.device) -> float:
    """Bytes/s that a large copy reads and writes."""
    source = torch.ones(COPIED, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * COPIED / _fastest(lambda: target.copy_(source), device)


def count(work: Callable[[], object]) -> tuple[int, int]:
    """The floating-point operations of `work` and the bytes that it moves: see `Traffic`."""
    with FlopCounterMode(display=False) as flops, Traffic() as traffic:
        work()
    return flops.get_total_flops(), traffic.bytes


class Traffic(TorchDispatchMode):
    """Adds up the bytes of all tensors that torch's operations read and write, each once per operation.

    Views move nothing. Savings by caches, and repeated reads of a kernel, are not seen.
    """

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = (leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor))
            self.bytes += sum(tensor.nbytes for tensor in tensors)
        return result


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest attempt, after a first one in which torch chooses kernels."""
    return min([_seconds(work, device) for _ in range(1 + ATTEMPTS)][1:])


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    work()
    if device.type != "cpu":
        torch.accelerator.synchronize()  # before that, kernels are only launched
    return time.perf_counter() - start
