"""The checks of chapter 04's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import mse_loss

from vaelib import losses
from vaelib.course.exercises import chapter04
from vaelib.data import faces

VALUES = 3 * 128 * 128
SIGMA = math.sqrt(1e-4 * VALUES / 2) / 2


def printed(check, answer, capsys: pytest.CaptureFixture[str]) -> str:
    check(answer)
    return capsys.readouterr().out


def weighted(weight, of_error=1.0):
    """A loss of means whose KL has the weight `weight(sigma, n, d)`."""

    def loss(sigma, x, x_hat, mu, logvar):
        kl = losses.kl_per_dimension(mu, logvar).mean()
        return of_error * mse_loss(x_hat, x) + weight(sigma, x[0].numel(), mu.shape[1]) * kl

    return loss


def right_weight(sigma, n, d):
    return 2 * sigma**2 * d / n


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter04.implied_noise, SIGMA),
        (chapter04.implied_noise, 0.78),
        (chapter04.implied_noise, torch.tensor(0.784)),
        (chapter04.loss_of_sigma, weighted(right_weight)),
        (chapter04.knee_of_linear, 0.0045),
    ],
)
def test_right_answers_pass(check, answer, capsys) -> None:
    assert printed(check, answer, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (2 * SIGMA, "How long is that interval"),
        (4 * SIGMA, "smaller number"),
        (4 * SIGMA**2, "a variance, and in units"),
        (SIGMA**2, "σ², not σ"),
        (SIGMA / math.sqrt(3), "three colours, and the mean"),
        (2 * SIGMA / math.sqrt(3), "three colours. Check the units"),
        (SIGMA * math.sqrt(2), "where is the 2?"),
        (2 * SIGMA * math.sqrt(2), "where is the 2? Check"),
        (math.sqrt(1e-4 / 2), "mean over pixels"),
        (5.0, "find a and b"),
    ],
)
def test_implied_noise_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in printed(chapter04.implied_noise, answer, capsys)


@pytest.mark.parametrize(
    ("loss", "hint"),
    [
        (lambda sigma, x, x_hat, mu, logvar: (x - x_hat).square(), "should be one number"),
        (weighted(lambda s, n, d: -right_weight(s, n, d)), "a loss is minus the ELBO"),
        (weighted(right_weight, of_error=-1.0), "should be minimised"),
        (weighted(lambda s, n, d: 0.0), "does not rise with the KL"),
        (weighted(lambda s, n, d: 2 * s**2 / n), "correct for it"),
        (weighted(lambda s, n, d: 2 * s**2 * d**2 / n), "twice, or summed"),
        (weighted(lambda s, n, d: 2 * s**2 * d), "so the KL must be divided, too"),
        (weighted(lambda s, n, d: 2 * s**2 * d / n**2), "pixels twice"),
        (weighted(lambda s, n, d: 2 * s**2), "the weight for sums"),
        (weighted(lambda s, n, d: 4 * s**2 * d / n), "too large by a factor of 2"),
        (weighted(lambda s, n, d: s**2 * d / n), "too small by a factor of 2"),
        (weighted(lambda s, n, d: 2 * s * d / n), "needs σ²"),
        (weighted(lambda s, n, d: 7 * right_weight(s, n, d)), "is 7 times"),
        (weighted(lambda s, n, d: 3 * right_weight(s, n, d), of_error=3.0), "should have no weight"),
    ],
)
def test_loss_hints_at_the_mistake(loss, hint, capsys) -> None:
    assert hint in printed(chapter04.loss_of_sigma, loss, capsys)


def test_a_constant_in_the_loss_does_no_harm(capsys) -> None:
    loss = weighted(right_weight)
    assert printed(chapter04.loss_of_sigma, lambda *given: loss(*given) + 5, capsys) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (10.0, "end of the range"),
        (0.0001, "end of the range"),
        (math.sqrt(0.0045 / 2), "that is σ at the knee"),
        (0.0045 / 2, "σ² at the knee"),
        (0.01, "finer grid"),
    ],
)
def test_knee_hints_at_the_mistake(answer, hint, capsys) -> None:
    assert hint in printed(chapter04.knee_of_linear, answer, capsys)


def test_the_knee_is_where_the_check_looks_for_it(capsys) -> None:
    """From the eigenvalues alone: the score R + n/2 log D of the best linear VAE with 64 dimensions."""
    pixels = faces.render(faces.sample_factors(2000, seed=0), 32).flatten(1)
    eigenvalues = torch.linalg.svdvals(pixels - pixels.mean(0)).square() / (len(pixels) - 1)
    kept, rest = eigenvalues[:64], eigenvalues[64:].sum()

    def score(beta):
        rate = 0.5 * (2 * kept / beta).log().clamp(min=0).sum()
        return rate + 3072 / 2 * (kept.clamp(max=beta / 2).sum() + rest).log()

    best = min(torch.logspace(-4, 1, 501).tolist(), key=score)
    assert printed(chapter04.knee_of_linear, best, capsys) == "✓ Correct.\n"


def test_a_function_without_a_body_is_not_answered_yet(capsys) -> None:
    assert "Not answered yet" in printed(chapter04.loss_of_sigma, lambda *given: ..., capsys)
