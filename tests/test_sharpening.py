"""The sharpener: its basis, its gains, and its effect on images whose conditional means are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from vaelib.sharpening import Sharpener, bands, cosines, from_cosines, power, radii, to_cosines, unsharp_mask
from vaelib.support.errors import UserError

SIZES = (32, 64, 128)


def images(n: int = 6, size: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def filtered(x: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    return from_cosines(gains[radii(x.shape[-1])] * to_cosines(x))


@pytest.mark.parametrize("size", SIZES)
def test_the_basis_is_orthogonal(size: int) -> None:
    basis = cosines(size).double()
    torch.testing.assert_close(basis @ basis.T, torch.eye(size, dtype=torch.double), atol=1e-5, rtol=0)


def test_the_coefficients_are_those_of_scipy() -> None:
    x = images(2)
    expected = dctn(x.double().numpy(), axes=(-2, -1), norm="ortho")
    np.testing.assert_allclose(to_cosines(x).numpy(), expected, atol=1e-5)


def test_images_come_back_from_their_coefficients() -> None:
    x = images()
    torch.testing.assert_close(from_cosines(to_cosines(x)), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_every_coefficient_has_a_band(size: int) -> None:
    assert radii(size).min() == 0
    assert radii(size).max() == bands(size) - 1
    assert len(radii(size).unique()) == bands(size)
    assert radii(size)[3, 4] == 5


def test_power_is_the_mean_square_of_a_band() -> None:
    x = images(3)
    c, band = to_cosines(x).double(), radii(32)
    for radius in (0, 5, 44):
        assert power(x)[radius].item() == pytest.approx(c[..., band == radius].square().mean().item(), rel=1e-5)


def test_power_does_not_depend_on_how_many_images_are_transformed_together(monkeypatch) -> None:
    whole = power(images(7))
    monkeypatch.setattr("vaelib.sharpening.AT_ONCE", 3)
    torch.testing.assert_close(power(images(7)), whole)


def test_gains_undo_a_known_blur() -> None:
    x = 0.4 + 0.2 * images(8)  # far from 0 and 1, so that nothing is clipped
    blur = torch.linspace(1, 0.25, bands(32))
    blurred = filtered(x, blur)
    sharpener = Sharpener().fit(x, blurred)
    torch.testing.assert_close(sharpener.gains, 1 / blur, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(sharpener(blurred), x, atol=1e-3, rtol=0)


def test_sharpened_images_have_the_power_of_real_ones() -> None:
    x, x_hat = 0.4 + 0.2 * images(50), 0.45 + 0.1 * images(50, seed=1)
    torch.testing.assert_close(power(Sharpener().fit(x, x_hat)(x_hat)), power(x), rtol=1e-3, atol=1e-7)


def test_what_is_not_blurred_is_left_alone() -> None:
    x = images()
    torch.testing.assert_close(Sharpener().fit(x, x)(x), x, atol=1e-5, rtol=0)


def test_the_squared_error_of_a_conditional_mean_at_most_doubles() -> None:
    """Where x_hat is E[x | z], gains g add (g - 1)² times its power to the error, less than the error itself."""
    noise = torch.Generator().manual_seed(0)
    share = torch.linspace(0.9, 0.1, bands(32))[radii(32)].sqrt()  # of each coefficient, known from the code
    known, rest = (0.02 * torch.randn(400, 3, 32, 32, generator=noise) for _ in range(2))
    mean = from_cosines(share * known)
    x, x_hat = 0.5 + mean + from_cosines((1 - share.square()).sqrt() * rest), 0.5 + mean
    before = (x - x_hat).square().mean()
    after = (x - Sharpener().fit(x, x_hat)(x_hat)).square().mean()
    predicted = 2 * (1 - share).mean() * 0.02**2  # |x - g x̂|² = 2 (1 - share) of each coefficient's variance
    assert before < after <= 2 * before
    assert after.item() == pytest.approx(predicted.item(), rel=0.02)


def test_pixels_stay_between_black_and_white() -> None:
    sharpener = Sharpener()
    sharpener.gains = torch.full((bands(32),), 5.0)
    sharpener.gains[0] = 1  # the mean stays
    sharpened = sharpener(images())
    assert sharpened.min() == 0
    assert sharpened.max() == 1


def test_rounding_errors_of_flat_images_are_not_amplified() -> None:
    flat = torch.rand(6, 3, 1, 1, generator=torch.Generator().manual_seed(1)).expand(6, 3, 32, 32)
    sharpened = Sharpener().fit(images(), flat)(flat)
    assert sharpened.isfinite().all()
    assert (sharpened - sharpened.mean((-2, -1), keepdim=True)).abs().max() < 0.05


def test_gains_carry_no_gradient() -> None:
    assert not Sharpener().fit(images(), images(seed=1).requires_grad_()).gains.requires_grad


def test_saved_and_made_again() -> None:
    sharpener = Sharpener().fit(images(), images(seed=1))
    again = Sharpener.from_tensors(sharpener.tensors())
    assert torch.equal(again(images()), sharpener(images()))


def test_bad_input_is_refused() -> None:
    with pytest.raises(UserError, match="0 images of 32 pixels"):
        Sharpener().fit(images(0), images(0))
    with pytest.raises(UserError, match="6 images of 32 pixels and 0"):
        Sharpener().fit(images(), images(0))
    with pytest.raises(UserError, match="32 pixels and 6 reconstructions of 64"):
        Sharpener().fit(images(), images(size=64))
    with pytest.raises(UserError, match="not fitted to images of 64 pixels"):
        Sharpener().fit(images(), images())(images(size=64))


def test_an_unsharp_mask_is_that_of_pillow() -> None:
    """Pillow approximates the Gaussian by boxes, so the two agree closely and not exactly."""
    from PIL import Image, ImageFilter

    x = images()[:1]
    picture = Image.fromarray((x[0].permute(1, 2, 0) * 255).round().byte().numpy())
    expected = np.asarray(picture.filter(ImageFilter.UnsharpMask(radius=0.7, percent=100, threshold=0))).astype(float)
    found = (unsharp_mask(x)[0].permute(1, 2, 0) * 255).numpy()
    changed = np.abs(expected - np.asarray(picture)).mean()
    assert changed > 2
    assert np.abs(found - expected).mean() < 0.2 * changed


def test_an_unsharp_mask_leaves_a_flat_image_and_clips() -> None:
    flat = torch.full((1, 3, 32, 32), 0.4)
    torch.testing.assert_close(unsharp_mask(flat), flat)
    edge = (torch.arange(32) > 15).float().expand(1, 3, 32, 32)
    assert torch.equal(unsharp_mask(edge), edge)  # an overshoot is clipped
    soft = 0.25 + 0.5 * edge
    assert unsharp_mask(soft).max() > 0.8 and unsharp_mask(soft, strength=0).equal(soft)
    torch.testing.assert_close(unsharp_mask(soft.mT), unsharp_mask(soft).mT)


def test_an_unsharp_mask_adds_what_a_gaussian_blur_removes() -> None:
    """Of a wave of frequency w the blur leaves exp(-w² σ² / 2)."""
    pixel = torch.arange(64).double()
    wave = 0.5 + 0.1 * torch.cos(2 * torch.pi * pixel / 8).expand(1, 1, 64, 64)
    gain = ((unsharp_mask(wave, strength=2.0) - 0.5) / (wave - 0.5))[..., 8:-8]
    w = 2 * torch.pi / 8
    assert gain[wave[..., 8:-8] != 0.5].median() == pytest.approx(3 - 2 * np.exp(-((w * 0.7) ** 2) / 2), rel=0.01)
