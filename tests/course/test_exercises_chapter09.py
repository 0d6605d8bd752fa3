"""The checks of chapter 09's exercises, and the broken programs that the chapter hands to its readers."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from vaelib import losses
from vaelib.course.exercises import chapter09
from vaelib.models import reparameterize

LOGS = {"W": "detached draw", "X": "kl averaged", "Y": "shared epsilon", "Z": "gradients not cleared"}
CULPRITS = {"P": "log sigma", "Q": "kl averaged", "R": "half missing"}


def printed(capsys: pytest.CaptureFixture[str], check, answer) -> str:
    check(answer)
    return capsys.readouterr().out


def sigma(logvar: torch.Tensor) -> torch.Tensor:
    return (0.5 * logvar).exp()


def by_hand(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    return mu + sigma(logvar) * torch.randn_like(mu)


@pytest.mark.parametrize(("check", "answer"), [(chapter09.diagnoses, LOGS), (chapter09.culprits, CULPRITS)])
def test_half_an_answer_is_not_answered_yet(capsys, check, answer):
    first = next(iter(answer))
    assert "Not answered yet" in printed(capsys, check, answer | {first: ...})


def test_a_draw_without_a_body_is_not_answered_yet(capsys):
    assert "Not answered yet" in printed(capsys, chapter09.repaired, lambda mu, logvar: ...)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter09.diagnoses, LOGS),
        (chapter09.culprits, CULPRITS),
        (chapter09.repaired, by_hand),
        (chapter09.repaired, reparameterize),
        (chapter09.repaired, lambda mu, logvar: Normal(mu, sigma(logvar)).rsample()),
    ],
)
def test_right_answers_pass(capsys, check, answer):
    assert printed(capsys, check, answer) == "✓ Correct.\n"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (LOGS | {"W": "kl averaged"}, "W's kl is zero"),
        (LOGS | {"X": "shared epsilon", "Y": "kl averaged"}, "X reconstructs well"),
        (LOGS | {"Y": "gradients not cleared"}, "much smaller batch"),
        (LOGS | {"Z": "shared epsilon"}, "old gradients"),
        (LOGS | {"W": "gremlins"}, "'gremlins' is none of the names"),
        ({"W": "detached draw"}, "one name for each of W, X, Y, Z"),
    ],
)
def test_diagnoses_hint_at_the_log_that_was_misread(capsys, wrong, hint):
    assert hint in printed(capsys, chapter09.diagnoses, wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (CULPRITS | {"P": "half missing"}, "vary logvar only"),
        (CULPRITS | {"Q": "nll averaged"}, "set mu = 1 in one dimension"),
        (CULPRITS | {"R": "nll averaged"}, "move x_hat away from x"),
        ({"P": "log sigma"}, "one name for each"),
        (CULPRITS | {"Q": "kl_averaged"}, "'kl_averaged' is none of the names: log sigma, kl averaged"),
    ],
)
def test_culprits_hint_at_the_experiment(capsys, wrong, hint):
    assert hint in printed(capsys, chapter09.culprits, wrong)


@pytest.mark.parametrize(
    ("draw", "hint"),
    [
        (lambda mu, logvar: by_hand(mu, logvar)[0], "should have that shape"),
        (lambda mu, logvar: Normal(mu, sigma(logvar)).sample(), "z has no gradient"),
        (lambda mu, logvar: by_hand(mu.detach(), logvar), "no gradient reaches mu"),
        (lambda mu, logvar: by_hand(mu, logvar.detach()), "no gradient reaches logvar"),
        (lambda mu, logvar: mu + 0, "either there is no noise"),
        (lambda mu, logvar: mu + sigma(logvar) * torch.randn(mu.shape[1]), "all rows got one epsilon"),
        (lambda mu, logvar: mu + sigma(logvar) * torch.rand(mu.shape[1]), "all rows got one epsilon"),
        (lambda mu, logvar: mu + sigma(logvar) * torch.randn(len(mu), 1), "latent dimensions of an image share"),
        (lambda mu, logvar: mu + sigma(logvar) * torch.rand_like(mu), "rand is uniform"),
        (lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu), "as wide as the variance"),
        (lambda mu, logvar: mu + torch.randn_like(mu) + 0 * logvar, "has width 1 whatever logvar is"),
        (lambda mu, logvar: mu + 2 * sigma(logvar) * torch.randn_like(mu), "standard deviation 1 in every"),
        (lambda mu, logvar: by_hand(mu, logvar) + 0.2 * sigma(logvar), "0 on average"),
        (lambda mu, logvar: mu + sigma(logvar) * (torch.rand_like(mu) - 0.5) * 12**0.5, "not normal"),
    ],
)
def test_repaired_hints_at_the_bug_that_is_left(capsys, draw, hint):
    assert hint in printed(capsys, chapter09.repaired, draw)


def test_checking_leaves_the_readers_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    chapter09.repaired(by_hand)
    assert torch.equal(torch.rand(1), expected)


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    x, x_hat = torch.rand(2, 4, 3, 8, 8, generator=generator)
    mu, logvar = torch.randn(2, 4, 5, generator=generator)
    return x, x_hat, mu, logvar


def right_loss(x, x_hat, mu, logvar):
    return losses.nll(x, x_hat, losses.Gaussian(0.1)) + losses.kl_divergence(mu, logvar)


def test_one_program_of_the_four_is_right(batch):
    right = []
    for letter, (draw, loss) in chapter09.programs().items():
        z = draw(torch.zeros(20_000, 2), torch.full((20_000, 2), -2.0)) / sigma(torch.tensor(-2.0))
        sound = abs(z.mean()) < 0.05 and abs(z.std() - 1) < 0.05
        if sound and torch.allclose(loss(*batch), right_loss(*batch)):
            right.append(letter)
    assert right == ["C"]


def test_each_mystery_is_wrong_in_the_way_that_it_is_named(batch):
    x, x_hat, mu, logvar = batch
    nll, kl = losses.nll(x, x_hat, losses.Gaussian(0.1)), losses.kl_divergence(mu, logvar)
    half = 0.5 * losses.squared_error(x, x_hat) / 0.1**2
    expected = {"P": nll + losses.kl_divergence(mu, 2 * logvar), "Q": nll + kl / 5, "R": nll + half + kl}
    for letter, value in expected.items():
        torch.testing.assert_close(chapter09.mystery(letter)(*batch), value)
        assert "_" not in repr(chapter09.mystery(letter)).split(" at ")[0]  # the name of the fault
        assert not torch.allclose(value, right_loss(*batch))
