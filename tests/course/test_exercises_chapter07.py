"""The checks of chapter 07's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import pytest
import torch

from vaelib.course.exercises import chapter07


def said(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def measure(gpu, batch_size, steps, *, warm_up=10, wait_first=True, wait_each=False, wait_last=True):
    """Images per second, with an option for each step that can be forgotten."""
    for _ in range(warm_up):
        gpu.step()
    if wait_first:
        gpu.synchronize()
    started = gpu.now
    for _ in range(steps):
        gpu.step()
        if wait_each:
            gpu.synchronize()
    if wait_last:
        gpu.synchronize()
    return 1000 * batch_size * steps / (gpu.now - started)


def mean(batches):
    return torch.cat(batches).mean()


def without(**forgotten):
    return lambda gpu, batch_size, steps: measure(gpu, batch_size, steps, **forgotten)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter07.gigabytes, 202_599 * 3 * 128**2 / 1e9),
        (chapter07.gigabytes, 10),
        (chapter07.throughput, measure),
        (chapter07.throughput, without(warm_up=30)),
        (chapter07.mean_over_images, mean),
        (chapter07.mean_over_images, lambda batches: sum(b.sum() for b in batches) / sum(len(b) for b in batches)),
        (chapter07.gaps, (216.0, -79.0)),
        (chapter07.gaps, (torch.tensor(180.0), torch.tensor(10.0))),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert said(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (39.8, "float32"),
        (3.32, "three colours"),
        (2.49, "64 pixels"),
        (4.98, "not twice the pixels"),
        (9.27, "GiB"),
        (8.0, "training images alone"),
        (23.6, "before the crop"),
        (9_957_703_680, "divide the bytes"),
        (1, "multiply images"),
    ],
)
def test_gigabytes_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in said(chapter07.gigabytes, answer, capsys)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda *task: measure(*task) / 64, "batches a second"),
        (lambda *task: measure(*task) / 1000, "per millisecond"),
        (without(wait_last=False), "faster than the device"),
        (without(wait_first=False, wait_last=False, warm_up=0), "faster than the device"),
        (without(wait_each=True), "after every step"),
        (without(warm_up=0), "slow first steps"),
        (without(warm_up=0, wait_first=False), "slow first steps"),
        (without(wait_first=False), "still works on the warm-up"),
        (lambda *task: measure(*task) / 2, "too slow"),
    ],
)
def test_throughput_hints_at_the_mistake(function, hint, capsys) -> None:
    assert hint in said(chapter07.throughput, function, capsys)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda batches: sum(b.mean() for b in batches) / len(batches), "mean of the batches' means"),
        (lambda batches: sum(b.sum() for b in batches) / (3 * 4), "as a full one"),
        (lambda batches: sum(b.sum() for b in batches), "that is the sum: divide"),
        (lambda batches: sum(b.sum() for b in batches) / len(batches), "number of batches"),
        (lambda batches: batches[0].mean(), "add up the values"),
    ],
)
def test_mean_over_images_hints_at_the_mistake(function, hint, capsys) -> None:
    assert hint in said(chapter07.mean_over_images, function, capsys)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [((-216, 79), "minus the training one"), ((-79, 216), "other way round"), ((20, 10), "for 30 epochs")],
)
def test_gaps_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in said(chapter07.gaps, answer, capsys)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter07.throughput, lambda *_: ...),
        (chapter07.mean_over_images, lambda _: ...),
        (chapter07.gaps, (..., ...)),
    ],
)
def test_says_when_a_part_of_the_answer_is_not_there_yet(check, answer, capsys) -> None:
    assert "Not answered yet" in said(check, answer, capsys)
