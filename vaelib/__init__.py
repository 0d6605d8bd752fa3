"""The library of the course *From Autoencoders to Variational Autoencoders*.

Eleven files to read, and five folders. A module imports only from the floors below its own:

    0  support                                    errors, files, devices, pictures: they import nothing of the rest
    1  data, models, losses, sharpening, errors   datasets; the networks; the terms of the ELBO; a filter of pictures;
                                               the error for mistakes of a user
    2  latent, priors, flow, detail, metrics      codes and paths between them; densities of codes; detail of pictures;
                                               metrics
    3  training                                   the settings and the loop of training
    4  runs                                       everything that belongs to the folder of a run
    5  course                                     what only the chapters use, and grading them
    6  cli                                        the command line

`shipped/` holds the weights and the recorded metrics of the models that the course shows.

Each module is imported at its first use, so `import vaelib` and `vaelib --help` do not wait for torch.
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
    """The names that tab completion offers after `vaelib.`."""
    return ["__version__", *_modules()]


def _modules() -> list[str]:
    return [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
