"""Whether an edit does what it should and nothing else: its success and its leakage, as a judge sees them.

An edit adds `strength` times the direction of an attribute to a code and decodes the sum. The judge is a network that
the edited model has never met (`vaelib.runs.classifier`), so that what counts is what can be seen (chapter 08).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto: its bar for notebooks would be stored with their outputs

from .. import data
from ..latent import encode_dataset
from ..models import LatentModel
from ..support.errors import UserError, unknown
from . import classifier
from .statistics import Statistics

STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)
MOST_FACES = 500  # for a standard error of success of at most 2.3 %
EDITED = ("Smiling", "Eyeglasses", "Male", "Blond_Hair")  # what every evaluation tries
SEEN = 0.5  # the judge sees an attribute that it gives a higher probability

Judge = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] to probabilities (B, A)


def edit_metrics(
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
    results: dict[str, Any] = {
        "faces": len(z),
        "strengths": list(strengths),
        "success": [],
        "leakage": [],
        "most_changed": [],
    }
    for strength in tqdm(strengths, f"edit {attribute}", leave=False, disable=None if progress else True):
        after = _judged(decode, judge, z + strength * direction)
        change = (after - before).abs().double().mean(0)  # (A,)
        change[column] = 0  # what was asked for is no leakage
        most = int(change.argmax())
        results["success"].append((after[:, column] > SEEN).double().mean().item())
        results["leakage"].append(change.sum().item() / (len(change) - 1))
        results["most_changed"].append({"attribute": attribute_names[most], "change": change[most].item()})
    return results


@torch.no_grad()
def _without(decode: Callable[[Tensor], Tensor], judge: Judge, z: Tensor, column: int) -> tuple[Tensor, Tensor]:
    """The first codes whose images lack the attribute in the judge's eyes, and all that it sees in them."""
    codes, seen = [], []
    for part in z.split(data.BATCH_SIZE):
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
    return torch.cat([judge(decode(part)) for part in z.split(data.BATCH_SIZE)])


class Edits:
    """The edits of held-out images that every evaluation tries: each attribute in `EDITED` with a direction."""

    def __init__(
        self,
        model: LatentModel,
        held_out: data.Dataset,
        statistics: Statistics,
        judge: classifier.AttributeNetwork,
    ):
        self.judge = judge
        self.directions = {name: statistics.direction(name) for name in EDITED if name in statistics.attribute_names}
        if self.directions:
            self.mu, _ = encode_dataset(model, held_out)
            self.accuracies = judge_accuracies(judge, held_out)

    def metrics(self, decode: Callable[[Tensor], Tensor], progress: bool = False) -> tuple[dict, dict[str, str]]:
        """`edit_metrics` by attribute, with judge_accuracy (None without labels); and why one is not there, by name.

        `decode` makes images of codes, on the device of model and judge.
        """
        if not self.directions:
            return {}, {"edits": f"the run knows no direction of {' or '.join(EDITED)}"}
        edits, reasons = {}, {}
        for name in self.directions:
            try:
                edits[name] = self._metrics(decode, name, progress) | {"judge_accuracy": self.accuracies.get(name)}
            except UserError as error:
                reasons[f"edits: {name}"] = str(error)
        return edits, reasons

    def _metrics(self, decode: Callable[[Tensor], Tensor], name: str, progress: bool) -> dict:
        def on_device(z: Tensor) -> Tensor:
            return decode(z.to(self.judge.device))

        ask = partial(classifier.probabilities, self.judge)
        names = self.judge.attribute_names
        return edit_metrics(on_device, self.mu, self.directions[name], name, ask, names, progress=progress)


def judge_accuracies(judge: classifier.AttributeNetwork, ds: data.Dataset) -> dict[str, float]:
    """The judge's accuracy on the labels of `ds`, by name, for the attributes that both have names for."""
    names = [name for name in ds.attribute_names if name in judge.attribute_names]
    if not names:
        return {}
    assert ds.attributes is not None  # as of every dataset whose attributes have names
    said = classifier.probabilities(judge, data.all_images(ds)) > SEEN
    met = [
        said[:, judge.attribute_names.index(name)] == ds.attributes[:, ds.attribute_names.index(name)] for name in names
    ]
    return {name: column.double().mean().item() for name, column in zip(names, met, strict=True)}
