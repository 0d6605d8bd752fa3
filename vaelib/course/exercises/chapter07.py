"""The exercises of chapter 07, *Training on CelebA*."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from . import exercise, given

IMAGES, SIDE = 202_599, 128
WARM_UP = 10  # steps that are slow on the pretend GPU
LEAST_GAP = 100  # nats; the chapter's numbers are about 220 with 200 images and -80 with 2,000


@exercise
def gigabytes(answer: float) -> str | None:
    """The size of all of CelebA at 128 pixels a side as uint8, in units of 10⁹ bytes."""
    right = IMAGES * 3 * SIDE**2 / 1e9
    mistakes = {
        4 * right: "that is float32. How many bytes does a value take in the prepared file?",
        right / 3: "each pixel has three colours.",
        right / 4: "that is at 64 pixels a side.",
        right / 2: "twice the side is not twice the pixels.",
        right * 1e9 / 2**30: "that is in units of 2³⁰ bytes, which are called GiB. Divide by 10⁹.",
        162_770 / IMAGES * right: "those are the training images alone.",
        IMAGES * 3 * 178 * 218 / 1e9: "that is before the crop and the change of size.",
    }
    if abs(answer - right) < 0.02 * right:
        return None
    if answer > 1e6:
        return "give it in gigabytes: divide the bytes by 10⁹."
    hints = [hint for wrong, hint in mistakes.items() if abs(answer - wrong) < 0.02 * wrong]
    return hints[0] if hints else "multiply images, colours, rows, columns and the bytes of one value."


class PretendGPU:
    """A device with a queue, as in the chapter; its first steps are slow. Times in milliseconds."""

    launch, compute, slow = 1.0, 4.0, 40.0

    def __init__(self):
        self.now = self.free = 0.0  # the program's clock; the time when the device will be done
        self.calls = []  # "step" and "synchronize", in order

    def step(self) -> None:
        """Launch a step and return at once."""
        self.now += self.launch
        first = self.calls.count("step") < WARM_UP
        self.free = max(self.now, self.free) + (self.slow if first else self.compute)
        self.calls.append("step")

    def synchronize(self) -> None:
        """Wait until the device is done."""
        self.now = max(self.now, self.free)
        self.calls.append("synchronize")


@exercise
def throughput(answer: Callable[[PretendGPU, int, int], float]) -> str | None:
    """A function that measures images per second on a device, in `steps` steps of `batch_size` images."""
    gpu, batch_size, steps = PretendGPU(), 64, 200
    measured = float(given(answer(gpu, batch_size, steps)))
    right = 1000 * batch_size / gpu.compute
    if abs(measured - right) < 0.03 * right:
        return None
    for factor, hint in {
        batch_size: "those are batches a second: each holds batch_size images.",
        1000: "that is per millisecond: gpu.now counts milliseconds.",
    }.items():
        if abs(factor * measured - right) < 0.03 * right:
            return hint
    return _wrong_clock(measured, right, gpu, steps)


def _wrong_clock(measured: float, right: float, gpu: PretendGPU, steps: int) -> str:
    if measured > 1.03 * right:
        return "faster than the device can be: wait before you read the clock again, and count timed steps only."
    if gpu.calls.count("synchronize") >= steps:
        return "you wait after every step, so launching and computing take turns. Wait once, at the end."
    if gpu.calls.count("step") < steps + WARM_UP:
        return f"the slow first steps count in your number: launch {WARM_UP} before the clock starts."
    if "synchronize" not in gpu.calls[: -steps - 1]:
        return "when your clock starts, the device still works on the warm-up: wait for it first."
    return "too slow: between the two readings of the clock, launch the steps and wait once."


@exercise
def mean_over_images(answer: Callable[[Sequence[Tensor]], float]) -> str | None:
    """A function from the values of each batch, (B,) tensors of different lengths, to their mean over all images."""
    batches = [torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor([4.0, 4.0, 4.0, 4.0]), torch.tensor([11.0, 9.0])]
    found = float(given(answer(batches)))
    whole = torch.cat(batches)
    mistakes = {
        torch.stack([batch.mean() for batch in batches]).mean().item(): (
            "that is the mean of the batches' means: an image of the short batch counts twice as much as the others."
        ),
        whole.sum().item() / (len(batches) * len(batches[0])): (
            "you count the last batch as a full one: count the images that it has."
        ),
        whole.sum().item(): "that is the sum: divide by the number of images.",
        whole.sum().item() / len(batches): "that is the sum over the number of batches, not of images.",
    }
    if abs(found - whole.mean().item()) < 1e-4:
        return None
    hints = [hint for wrong, hint in mistakes.items() if abs(found - wrong) < 1e-4]
    return hints[0] if hints else "add up the values of all images, and divide by how many there are."


@exercise
def gaps(answer: tuple[float, float]) -> str | None:
    """By how many nats held-out images are worse than training images, with 200 and with 2,000 of the latter."""
    few, many = (float(given(gap)) for gap in answer)
    if few > LEAST_GAP and few > many + LEAST_GAP:
        return None
    if -few > LEAST_GAP:
        return "the nll is a cost: take the held-out one minus the training one."
    if many > few:
        return "the right kind of numbers, the other way round: first the gap with 200 images."
    return "the gap with 200 images should be plain: did you train on them for 30 epochs, and take the last row?"
