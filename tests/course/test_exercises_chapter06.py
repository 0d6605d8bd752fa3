"""The checks of chapter 06's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import math

import pytest
import torch

from vaelib.course.exercises import chapter06


def first_line(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def bits(log_density: float, dimensions: int) -> float:
    return -log_density / dimensions / math.log(2) + 8


def slope(low: float = 0.4, high: float = 0.7) -> torch.Tensor:
    return torch.linspace(low, high, 32).reshape(1, 32, 1).expand(3, 32, 32)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter06.faded, 0.625),
        (chapter06.faded, 5 / 8),
        (chapter06.faded, torch.tensor(0.63)),
        (chapter06.bits, bits),
        (chapter06.bits, lambda nats, d: torch.tensor(bits(nats, d))),
        (chapter06.bits, lambda nats, d: math.log2(255) - nats / d / math.log(2)),
        (chapter06.cheap_picture, slope()),
        (chapter06.cheap_picture, slope().mT),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert first_line(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (1, "goes with their squares"),
        (0.5, "in the middle"),
        (0.5625, "The second one"),
        (0.75, "3/4 of a picture"),
        (0.79, "length of the gradient"),
        (0.375, "what is lost"),
        (3, "put t = 1/4"),
    ],
)
def test_faded_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in first_line(chapter06.faded, answer, capsys)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda nats, d: nats / d / math.log(2) + 8, "fewer bits"),
        (lambda nats, d: -nats / d / math.log(2), "256 of them"),
        (lambda nats, d: nats / d / math.log(2), "the sign, and the 256"),
        (lambda nats, d: -nats / d + 8, "these are nats"),
        (lambda nats, d: -nats / d * math.log(2) + 8, "more than one"),
        (lambda nats, d: -nats / math.log(2) + 8, "per dimension"),
        (lambda nats, d: -nats / (d / 3) / math.log(2) + 8, "three colours"),
        (lambda nats, d: 1 - nats / d / math.log(2) / 8, "the 8 is added"),
        (lambda nats, d: bits(nats, 3072), "right for 64, too"),
        (lambda nats, d: 100.0, "6.23"),
    ],
)
def test_bits_hints_at_the_mistake(function, hint, capsys) -> None:
    assert hint in first_line(chapter06.bits, function, capsys)


@pytest.mark.parametrize(
    ("picture", "hint"),
    [
        (slope()[None], "shape (3, 32, 32)"),
        (slope() * 255, "between 0 and 1"),
        (slope() - 0.5, "between 0 and 1"),
        (torch.full((3, 32, 32), math.nan), "between 0 and 1"),
        (torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1).expand(3, 32, 32), "a single colour"),
        (torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)), "cannot generate such detail"),
        (slope() + 0.1 * (torch.arange(32) % 2), "smoother"),
    ],
)
def test_cheap_picture_hints_at_the_mistake(picture, hint, capsys) -> None:
    assert hint in first_line(chapter06.cheap_picture, picture, capsys)


def test_says_when_the_function_has_no_body_yet(capsys) -> None:
    assert "Not answered yet" in first_line(chapter06.bits, lambda nats, d: ..., capsys)


def test_checking_leaves_the_readers_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    chapter06.cheap_picture(slope())
    assert torch.equal(torch.rand(1), expected)
