"""Experiments: the settings of a training run under a name, one TOML file each in the project's `experiments/`."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import losses, models
from .errors import UserError, unknown
from .files import atomic_write

MODELS = {"VAE": models.VAE, "AutoEncoder": models.AutoEncoder}
SHIPPED = Path(__file__).parent / "shipped"  # one folder for each checkpoint that comes with the package
CONFIG = "config.toml"  # in a run's folder: the settings that it was started with


@dataclass(frozen=True)
class Experiment:
    """What `vaelib train` needs to know. An experiment file sets some of these keys, `--set key=value` overrides any.

    `learning_rate` is the peak of the schedule; `sigma` belongs to the gaussian likelihood; `beta` multiplies the KL
    and rises from 0 over `warm_up_epochs`; `precision` is float32, bfloat16 or auto; `flip` mirrors half of the images;
    `ema` is the share of the moving average that stays at every step, 0 for none; `compile` is for torch.compile, in
    one process; `flow_steps` are those of a flow that is fitted to the codes in the end, 0 for none.
    """

    about: str
    dataset: str
    size: int = 64
    model: str = "VAE"
    latent_dim: int = 64
    channels: tuple[int, ...] = (32, 64, 128, 256)
    likelihood: str = "optimal-gaussian"
    sigma: float | None = None
    beta: float = 1.0
    warm_up_epochs: int = 0
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    precision: str = "auto"
    flip: bool = False
    ema: float = 0.0
    compile: bool = False
    flow_steps: int = 0
    seed: int = 0

    def build_model(self) -> models.LatentModel:
        """The untrained model. Seed torch before the call: its weights are random."""
        if self.model not in MODELS:
            raise unknown("model", self.model, MODELS)
        return MODELS[self.model](self.size, self.latent_dim, self.channels)

    def build_likelihood(self) -> losses.Likelihood:
        """The density of the pixels."""
        return losses.likelihood_named(self.likelihood, self.sigma)

    def training_settings(self) -> dict:
        """The keyword arguments of `training.fit`."""
        copied = [
            *("epochs", "batch_size", "learning_rate", "beta", "warm_up_epochs"),
            *("precision", "flip", "ema", "compile", "seed"),
        ]
        return {key: getattr(self, key) for key in copied} | {"likelihood": self.build_likelihood()}

    def to_toml(self) -> str:
        """The text of an experiment file with every key."""
        values = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        # JSON's strings, numbers, booleans and lists are written as TOML's are.
        return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


KEYS = {field.name: field for field in dataclasses.fields(Experiment)}


def folder() -> Path:
    """Where the experiment files are: in the checkout, or packed beside the installed modules."""
    here = Path(__file__).parent
    packed = here / "_experiments"
    return packed if packed.is_dir() else here.parent / "experiments"


def names() -> list[str]:
    """The names of all experiments, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def load(name: str, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment called `name`, with `key=value` overrides. Raises `UserError` for a name or key unknown to it."""
    path = folder() / f"{name}.toml"
    if name not in names():
        raise unknown("experiment", name, names())
    return read(path, overrides)


def describe(name: str) -> list[str]:
    """Lines for a person: what the experiment shows, its settings, what a recorded run of it measured."""
    experiment = load(name)
    settings = {
        key: value for key, value in dataclasses.asdict(experiment).items() if key != "about" and value is not None
    }
    return [
        experiment.about,
        "settings: " + " ".join(f"{key}={_as_override(value)}" for key, value in settings.items()),
        "recorded: " + _recorded(name, experiment),
    ]


def _as_override(value: object) -> str:
    """A value as `--set KEY=VALUE` takes it: without blanks, at which a shell would part it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _recorded(name: str, experiment: Experiment) -> str:
    path = SHIPPED / name / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "evaluation" not in metrics:
        return "no run of it is shipped"
    run, held_out = metrics["training"], metrics["evaluation"]
    changed = "" if run["epochs"] == experiment.epochs else f" (by --set epochs={run['epochs']})"
    return (
        f"{run['epochs']} epochs{changed} in {run['seconds']:.0f} s ({run['hardware']}); on {held_out['images']:,} "
        f"held-out images PSNR {held_out['psnr']:.3g} dB{_distances(held_out)}"
    )


def _distances(held_out: dict) -> str:
    """The Fréchet distances of a record, in the most telling features that it has, as it is and sharpened."""
    features = next((name for name in ("attributes", "pixels") if name in held_out["frechet"]), None)
    if features is None:
        return ""
    plain, *sharpened = (
        ", ".join(f"{what} {value:.3g}" for what, value in figures["frechet"][features].items())
        for figures in (held_out, held_out.get("sharpened"))
        if figures
    )
    distances = "; sharpened: ".join([plain, *sharpened]).replace("samples, ", "samples from ")
    return f", Fréchet distances in {held_out['features'][features]}: {distances}"


def read(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """The experiment that a TOML file describes, with `key=value` overrides."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: copy the whole folder of the run, or train it again.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML ({error}): fix the file.") from error
    for override in overrides:
        key, value = _parse_override(override)
        values[key] = value
    missing = [key for key, setting in KEYS.items() if setting.default is dataclasses.MISSING and key not in values]
    if missing:
        raise UserError(f"{path} does not set {' and '.join(missing)}: add a line for each.")
    return Experiment(**{key: _checked(key, value) for key, value in values.items()})


def write(experiment: Experiment, path: Path) -> None:
    """Write every setting to `path`, in the form that `read` reads."""
    with atomic_write(path) as partial:
        partial.write_text(experiment.to_toml(), encoding="utf-8")


def _parse_override(text: str) -> tuple[str, object]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise UserError(f"--set takes key=value and was given {text!r}: write for example --set epochs=5.")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value  # a word without quotes, as people type it in a shell


def _checked(key: str, value: object) -> object:
    """`value` in the type that the key asks for, or a `UserError` that names the key and that type."""
    if key not in KEYS:
        raise unknown("setting", key, KEYS)
    wanted = KEYS[key].type
    if wanted.startswith("float") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted.startswith("tuple") and isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{key} cannot be {value}: it takes a finite number.")
    if type(value).__name__ == wanted.removesuffix(" | None"):
        return value
    kind = {"tuple[int, ...]": "a list of whole numbers", "int": "a whole number", "bool": "true or false"}
    raise UserError(
        f"{key} cannot be {value!r}: it takes {kind.get(wanted, 'a number' if 'float' in wanted else 'a word')}."
    )
