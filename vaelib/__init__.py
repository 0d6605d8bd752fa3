"""The library of the course *From Autoencoders to Variational Autoencoders*.

Read it from the ground floor up; a module imports only from the floors below its own:

    0  errors, files                            what every floor needs
    1  data, models, losses, images             the ingredients
    2  latent, priors, metrics, experiments     what can be done with codes; runs by name
    3  checkpoints                              a model and all that belongs to it, on disk
    4  training                                 the loop
    5  plotting, exercises, cli                 what a person sees and types

A module is imported when it is first used, so that `import vaelib` and `vaelib --help` do not wait for torch.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_MODULES = (
    "checkpoints",
    "cli",
    "data",
    "errors",
    "exercises",
    "experiments",
    "files",
    "images",
    "latent",
    "losses",
    "metrics",
    "models",
    "plotting",
    "priors",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    """Import the module `name` of this package on its first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    """What completion offers after `vaelib.`"""
    return ["__version__", *_MODULES]
