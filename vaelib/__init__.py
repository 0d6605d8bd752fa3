"""The library of the course *From Autoencoders to Variational Autoencoders*.

Nine files to read, and five folders. A module imports only from the floors below its own:

    0  support                                    errors, files, devices, pictures: it knows nothing of the rest
    1  data, models, losses, sharpening           images to learn from; the networks; the terms of the ELBO; a filter
    2  latent, priors, flow, metrics              what is done with codes; densities of codes; how good a model is
    3  training                                   the settings and the loop
    4  runs                                       all that belongs to the folder of a run
    5  course, cli                                what only the chapters use; what a person types

`shipped/` holds the weights and the records of the models that the course shows.

A module is imported when it is first used, so that `import vaelib` and `vaelib --help` do not wait for torch.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """Import the module `name` of this package on its first use (PEP 562)."""
    if name not in _modules():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    """What completion offers after `vaelib.`"""
    return ["__version__", *_modules()]


def _modules() -> list[str]:
    return [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
