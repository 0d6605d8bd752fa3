"""The checks of chapter 03's exercises: right answers pass, likely mistakes get their hint, nothing raises."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vaelib.course.exercises import chapter03


def printed(capsys, check, answer) -> str:
    check(answer)
    return capsys.readouterr().out


def kl(mu, logvar, prior_mu, prior_logvar):
    """Independent of the chapter's formula: from torch.distributions, per dimension."""
    return kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(prior_mu, (0.5 * prior_logvar).exp()))


@pytest.mark.parametrize("answer", [(..., ...), (0.0, ...), (..., 0.4)])
def test_half_an_answer_is_not_answered_yet(capsys, answer):
    assert printed(capsys, chapter03.step_gradients, answer).startswith("… Not answered yet")


def test_a_function_without_a_body_is_not_answered_yet(capsys):
    assert printed(capsys, chapter03.kl_between_gaussians, lambda *parameters: None).startswith("… Not answered yet")


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter03.nats_per_halving, math.log(2)),
        (chapter03.nats_per_halving, 0.69),
        (chapter03.step_gradients, (0, 0.4)),
        (chapter03.step_gradients, (0.0, 1 / math.sqrt(2 * math.pi))),
        (chapter03.kl_between_gaussians, lambda *parameters: kl(*parameters).sum(1)),
        (chapter03.spread_without_a_price, 85.0),
    ],
)
def test_right_answers(capsys, check, answer):
    assert printed(capsys, check, answer) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("nats", "hint"),
    [
        (1.0, "natural logarithm"),
        (1.39, "factor ½"),
        (0.35, "half the variance"),
        (-0.69, "narrower cloud costs more"),
        (5.0, "only the term"),
    ],
)
def test_hints_on_the_price_of_precision(capsys, nats, hint):
    assert hint in printed(capsys, chapter03.nats_per_halving, nats)


@pytest.mark.parametrize(
    ("means", "hint"),
    [((0.4, 0.0), "wrong order"), ((0.4, 0.4), "slope of a step"), ((0.0, 0.5), "differentiate")],
)
def test_hints_on_the_step(capsys, means, hint):
    assert hint in printed(capsys, chapter03.step_gradients, means)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (kl, "one number per dimension"),
        (lambda *parameters: kl(*parameters).sum(), "should be (5,), but it is ()"),
        (lambda *parameters: kl(*parameters).mean(1), "not a mean"),
        (lambda mu, logvar, *prior: kl(*prior, mu, logvar).sum(1), "KL(p ‖ q)"),
        (lambda mu, logvar, *_: kl(mu, logvar, torch.zeros(3), torch.zeros(3)).sum(1), "N(0, I)"),
        (lambda m, v, pm, pv: kl(m, 2 * v, pm, 2 * pv).sum(1), "not the standard deviation"),
        (lambda *parameters: kl(*parameters).sum(1) + 1, "differs from torch.distributions"),
    ],
)
def test_hints_on_the_divergence(capsys, function, hint):
    assert hint in printed(capsys, chapter03.kl_between_gaussians, function)


@pytest.mark.parametrize(("spread", "hint"), [(8.0, "is this price 0"), (0.01, "divide mu.std(0) by sigma")])
def test_hints_on_the_world_without_a_price(capsys, spread, hint):
    assert hint in printed(capsys, chapter03.spread_without_a_price, spread)


def test_a_raising_answer_does_not_raise(capsys):
    def broken(*parameters):
        raise RuntimeError("no such thing")

    assert "RuntimeError: no such thing" in printed(capsys, chapter03.kl_between_gaussians, broken)
