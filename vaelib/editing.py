"""Whether an edit does what it should and nothing else: its success and its leakage, as a judge sees them.

An edit adds `strength` times the direction of an attribute to a code and decodes the sum. The judge is a network that
the edited model has never met (`vaelib.attributes`), so that what counts is what can be seen (chapter 08).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto: its bar for notebooks would be stored with their outputs

from .errors import UserError, unknown

STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)
MOST_FACES = 500  # for a standard error of success of at most 2.3 %
AT_ONCE = 256  # codes decoded together
SEEN = 0.5  # the judge sees an attribute that it gives a higher probability

Judge = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] to probabilities (B, A)


def edit_figures(
    decode: Callable[[Tensor], Tensor],
    z: Tensor,
    direction: Tensor,
    attribute: str,
    judge: Judge,
    attribute_names: Sequence[str],
    strengths: Sequence[float] = STRENGTHS,
    progress: bool = False,
) -> dict:
    """What adding `attribute` does to the first 500 of the codes z (N, latent_dim) that decode to images without it.

    success: the share that the judge then sees it in, for each of `strengths`. leakage: the change of the probability
    of another attribute, without its sign, as a mean over the other attributes and the faces. most_changed: the other
    attribute whose probability changes most in that mean, and that change. `faces` says how many codes were edited.

    Raises `UserError` if the judge does not know the attribute, or sees it in every image already.
    """
    if attribute not in attribute_names:
        raise unknown("attribute", attribute, attribute_names)
    column = list(attribute_names).index(attribute)
    z, before = _without(decode, judge, z, column)
    figures = {"faces": len(z), "strengths": list(strengths), "success": [], "leakage": [], "most_changed": []}
    for strength in tqdm(strengths, f"edit {attribute}", leave=False, disable=None if progress else True):
        after = _judged(decode, judge, z + strength * direction)
        change = (after - before).abs().double().mean(0)  # (A,)
        change[column] = 0  # what was asked for is no leakage
        most = int(change.argmax())
        figures["success"].append((after[:, column] > SEEN).double().mean().item())
        figures["leakage"].append(change.sum().item() / (len(change) - 1))
        figures["most_changed"].append({"attribute": attribute_names[most], "change": change[most].item()})
    return figures


@torch.no_grad()
def _without(decode: Callable[[Tensor], Tensor], judge: Judge, z: Tensor, column: int) -> tuple[Tensor, Tensor]:
    """The first codes whose images lack the attribute in the judge's eyes, and all that it sees in them."""
    codes, seen = [], []
    for part in z.split(AT_ONCE):
        before = judge(decode(part))
        lacking = before[:, column] <= SEEN
        codes.append(part[lacking])
        seen.append(before[lacking])
        if sum(map(len, codes)) >= MOST_FACES:
            break
    if not sum(map(len, codes)):
        raise UserError("The judge sees this attribute in every image already, so none can be given it: name another.")
    return torch.cat(codes)[:MOST_FACES], torch.cat(seen)[:MOST_FACES]


@torch.no_grad()
def _judged(decode: Callable[[Tensor], Tensor], judge: Judge, z: Tensor) -> Tensor:
    return torch.cat([judge(decode(part)) for part in z.split(AT_ONCE)])
