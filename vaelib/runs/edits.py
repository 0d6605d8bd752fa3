"""Success and leakage of edits: whether an edit changes its attribute, and how much it changes the others.

An edit adds `strength` times the direction of an attribute to a code and decodes the sum. Both metrics come from the
attribute classifier (`vaelib.runs.classifier`), which was trained without the edited model, so only visible changes
count (chapter 08).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm  # not tqdm.auto, whose notebook bar would be stored with the outputs

from .. import data
from ..latent import encode_dataset
from ..models import LatentModel
from ..support.errors import UserError, unknown
from . import classifier
from .statistics import Statistics

STRENGTHS = (1.0, 1.5, 2.0, 2.5, 3.0)
MOST_FACES = 500  # enough for a standard error of success of at most 2.3 %
EDITED = ("Smiling", "Eyeglasses", "Male", "Blond_Hair")  # the attributes that every evaluation edits
SEEN = 0.5  # the classifier sees an attribute if its probability is higher than this

Classify = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] to probabilities (B, A)


def edit_metrics(
    decode: Callable[[Tensor], Tensor],
    z: Tensor,
    direction: Tensor,
    attribute: str,
    classify: Classify,
    attribute_names: Sequence[str],
    strengths: Sequence[float] = STRENGTHS,
    progress: bool = False,
) -> dict:
    """Measure adding `attribute` to the first 500 of the codes z (N, latent_dim) that decode to images without it.

    faces: the number of edited codes. For each of `strengths`: success, the share of edited images in which `classify`
    sees the attribute; leakage, the absolute change of another attribute's probability, averaged over the other
    attributes and the faces; success_error and leakage_error, their standard errors over faces; most_changed, the other
    attribute whose probability changes most on average, and that change.

    Raises `UserError` if `attribute` is not in `attribute_names`, or if the classifier sees it in every image already.
    """
    if attribute not in attribute_names:
        raise unknown("attribute", attribute, attribute_names)
    column = list(attribute_names).index(attribute)
    z, before = _without(decode, classify, z, column)
    results: dict[str, Any] = {
        "faces": len(z),
        "strengths": list(strengths),
        "success": [],
        "success_error": [],
        "leakage": [],
        "leakage_error": [],
        "most_changed": [],
    }
    for strength in tqdm(strengths, f"edit {attribute}", leave=False, disable=None if progress else True):
        after = _classified(decode, classify, z + strength * direction)
        changes = (after - before).abs().double()  # (faces, A)
        changes[:, column] = 0  # the change of the edited attribute is not leakage
        leakage, change = changes.sum(1) / (len(attribute_names) - 1), changes.mean(0)
        most, success = int(change.argmax()), (after[:, column] > SEEN).double()
        for key, of_faces in (("success", success), ("leakage", leakage)):
            results[key].append(of_faces.mean().item())
            results[f"{key}_error"].append((of_faces.std(correction=0) / len(of_faces) ** 0.5).item())
        results["most_changed"].append({"attribute": attribute_names[most], "change": change[most].item()})
    return results


@torch.no_grad()
def _without(decode: Callable[[Tensor], Tensor], classify: Classify, z: Tensor, column: int) -> tuple[Tensor, Tensor]:
    """The first codes in whose images the classifier does not see the attribute, and the probabilities of all."""
    codes, seen = [], []
    for part in z.split(data.BATCH_SIZE):
        before = classify(decode(part))
        lacking = before[:, column] <= SEEN
        codes.append(part[lacking])
        seen.append(before[lacking])
        if sum(map(len, codes)) >= MOST_FACES:
            break
    if not sum(map(len, codes)):
        raise UserError(
            "The attribute classifier sees this attribute in every image already, so it cannot be added: name another."
        )
    return torch.cat(codes)[:MOST_FACES], torch.cat(seen)[:MOST_FACES]


@torch.no_grad()
def _classified(decode: Callable[[Tensor], Tensor], classify: Classify, z: Tensor) -> Tensor:
    return torch.cat([classify(decode(part)) for part in z.split(data.BATCH_SIZE)])


class Edits:
    """The edits of held-out images in every evaluation: one for each attribute in `EDITED` that has a direction."""

    def __init__(
        self,
        model: LatentModel,
        held_out: data.Dataset,
        statistics: Statistics,
        network: classifier.AttributeNetwork,
    ):
        self.network = network
        self.directions = {name: statistics.direction(name) for name in EDITED if name in statistics.attribute_names}
        if self.directions:
            self.mu, _ = encode_dataset(model, held_out)
            self.accuracies = classifier_accuracies(network, held_out)

    def metrics(self, decode: Callable[[Tensor], Tensor], progress: bool = False) -> tuple[dict, dict[str, str]]:
        """`edit_metrics` by attribute, with classifier_accuracy (None without labels); and the reasons for missing
        edits.

        classifier_accuracy is that of the attribute classifier on the held-out labels. `decode` maps codes to images,
        on the device of the model and the classifier.
        """
        if not self.directions:
            return {}, {"edits": f"the run knows no direction of {' or '.join(EDITED)}"}
        edits, reasons = {}, {}
        for name in self.directions:
            try:
                edits[name] = self._metrics(decode, name, progress) | {"classifier_accuracy": self.accuracies.get(name)}
            except UserError as error:
                reasons[f"edits: {name}"] = str(error)
        return edits, reasons

    def _metrics(self, decode: Callable[[Tensor], Tensor], name: str, progress: bool) -> dict:
        def on_device(z: Tensor) -> Tensor:
            return decode(z.to(self.network.device))

        classify = partial(classifier.probabilities, self.network)
        names = self.network.attribute_names
        return edit_metrics(on_device, self.mu, self.directions[name], name, classify, names, progress=progress)


def classifier_accuracies(network: classifier.AttributeNetwork, ds: data.Dataset) -> dict[str, float]:
    """The attribute classifier's accuracy on the labels of `ds`, by attribute, for the attributes that both have."""
    names = [name for name in ds.attribute_names if name in network.attribute_names]
    if not names:
        return {}
    assert ds.attributes is not None  # because they have names
    seen = classifier.probabilities(network, data.all_images(ds)) > SEEN
    correct = [
        seen[:, network.attribute_names.index(name)] == ds.attributes[:, ds.attribute_names.index(name)]
        for name in names
    ]
    return {name: column.double().mean().item() for name, column in zip(names, correct, strict=True)}
