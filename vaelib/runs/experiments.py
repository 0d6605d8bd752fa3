"""Experiments: the settings of a training run under a name, one TOML file each in the project's `experiments/`."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..losses import Gaussian, likelihood_named
from ..models import MODELS, LatentModel
from ..support.errors import UserError, unknown
from ..support.files import atomic_write
from ..training import Settings

MOST_WEIGHTS = 2**28  # a gigabyte, and four while it is trained


@dataclass(frozen=True, kw_only=True)
class Experiment(Settings):
    """What `vaelib train` needs to know: the settings of the loop, the dataset and the model.

    An experiment file sets some of these keys, and `--set key=value` overrides any. `about` describes the experiment in
    one sentence. The images of `dataset` have `size` pixels a side. `model` is a class of `vaelib.models`, and
    `latent_dim` and `channels` are its arguments. `flow_steps` is the number of steps in which a flow is fitted to the
    codes after training, and `detail_steps` the number for the pixel flow; 0 fits none. A file names the likelihood,
    and gives `sigma` if it is Gaussian.
    """

    about: str
    dataset: str
    size: int = 64
    model: str = "VAE"
    latent_dim: int = 64
    channels: tuple[int, ...] = (32, 64, 128, 256)
    flow_steps: int = 0
    detail_steps: int = 0

    def __post_init__(self):
        super().__post_init__()
        for name in ("flow_steps", "detail_steps"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}: it must be 0 (no flow) or more.")

    def build_model(self) -> LatentModel:
        """The untrained model. Seed torch before the call: its weights are random."""
        if self.model not in MODELS:
            raise unknown("model", self.model, MODELS)
        self._require_affordable()
        return MODELS[self.model](self.size, self.latent_dim, self.channels)

    def _require_affordable(self) -> None:
        """Raise `UserError` if the weights of the model would fill the memory."""
        try:
            with torch.device("meta"):  # layers without storage
                model = MODELS[self.model](self.size, self.latent_dim, self.channels)
            too_many = sum(weights.numel() for weights in model.parameters()) > MOST_WEIGHTS
        except (TypeError, RuntimeError):  # a number of more than 64 bits
            too_many = True
        if too_many:
            raise UserError(
                f"latent_dim = {self.latent_dim} and channels = {list(self.channels)} make a model of more than "
                f"{MOST_WEIGHTS:,} weights: choose smaller ones."
            )

    def training_settings(self) -> dict:
        """The keyword arguments of `training.fit`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(Settings)}

    def values(self) -> dict[str, object]:
        """Every key with its value as written in an experiment file; sigma only for a Gaussian likelihood."""
        own = {key: getattr(self, key) for key in KINDS if key not in ("likelihood", "sigma")}
        own["likelihood"] = self.likelihood.name
        if isinstance(self.likelihood, Gaussian):
            own["sigma"] = self.likelihood.sigma
        return {key: list(own[key]) if key == "channels" else own[key] for key in KINDS if key in own}

    def to_toml(self) -> str:
        """The text of an experiment file that sets every key."""
        # TOML writes strings, numbers, booleans and lists as JSON does.
        return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in self.values().items())


_FIELDS = {field.name: str(field.type) for field in dataclasses.fields(Experiment)}
_TYPES = _FIELDS | {"likelihood": "str", "sigma": "float"}
_SETTINGS = [field.name for field in dataclasses.fields(Settings)]
_LAST = ("flow_steps", "detail_steps", "seed")
_OWN = [name for name in _FIELDS if name not in (*_SETTINGS, *_LAST)]
_ORDER = [*_OWN, "likelihood", "sigma", *(name for name in _SETTINGS if name not in ("likelihood", *_LAST)), *_LAST]
# The keys of an experiment file and the types of their values: first dataset and model, then the settings of the loop.
KINDS = {key: _TYPES[key] for key in _ORDER}
REQUIRED = ("about", "dataset")  # the keys that have no default


def folder() -> Path:
    """The folder of the experiment files: in the checkout, or inside the installed package."""
    package = Path(__file__).parents[1]
    packed = package / "_experiments"
    return packed if packed.is_dir() else package.parent / "experiments"


def names() -> list[str]:
    """The names of all experiments, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment called `name`, with `key=value` overrides. Raises `UserError` for an unknown name or key."""
    path = folder() / f"{name}.toml"
    if name not in names():
        raise unknown("experiment", name, names())
    return read(path, overrides)


def read(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment that a TOML file describes, with `key=value` overrides."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        "".join(str(values[key]) for key in values if key != "dataset").encode()  # only a path may be no UTF-8
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: copy the whole folder of the run, or train it again.") from error
    except (ValueError, RecursionError) as error:  # of which TOMLDecodeError is one
        raise UserError(f"{path} is not valid TOML ({error}): fix the file.") from error
    for override in overrides:
        key, value = _parse_override(override)
        values[key] = value
    missing = [key for key in REQUIRED if key not in values]
    if missing:
        raise UserError(f"{path} does not set {' and '.join(missing)}: add a line for each.")
    return _from_values({key: _checked(key, value) for key, value in values.items()})


def _from_values(values: dict) -> Experiment:
    """The experiment with these values; `likelihood` and `sigma` together give its likelihood."""
    named = {word: values.pop(key) for word, key in (("name", "likelihood"), ("sigma", "sigma")) if key in values}
    return Experiment(**values, likelihood=likelihood_named(**named))


def write(experiment: Experiment, path: Path) -> None:
    """Write every setting to `path`, as a file that `read` can read."""
    with atomic_write(path) as partial:
        partial.write_text(experiment.to_toml(), encoding="utf-8", errors="surrogateescape")  # as in a file's name


def _parse_override(text: str) -> tuple[str, object]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UserError(f"--set takes key=value and was given {text!r}: write for example --set epochs=5.")
    if key == "dataset" and not value.startswith(("'", '"')):
        return key, value  # also a folder that is called 2024 or true
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return key, value  # a word without quotes, as typed in a shell


def _checked(key: str, value: object) -> object:
    """`value` in the type of the key. Raises a `UserError` that names the key and the type."""
    if key not in KINDS:
        raise unknown("setting", key, KINDS)
    wanted = KINDS[key]
    if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1000 else math.inf
    if wanted.startswith("tuple") and isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key} cannot be {value}: it takes a finite number.")
    if type(value).__name__ == wanted:
        return value
    kinds = {"tuple[int, ...]": "a list of whole numbers", "int": "a whole number", "bool": "true or false"}
    raise UserError(
        f"{key} cannot be {value!r}: it takes {kinds.get(wanted, 'a number' if wanted == 'float' else 'a word')}."
    )
