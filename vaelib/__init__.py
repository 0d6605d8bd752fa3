"""The library of the course *From Autoencoders to Variational Autoencoders*.

Read it from the ground floor up; a module imports only from the floors below its own:

    0  errors                                           what a user can get wrong
    1  files, devices                                   writing without ever leaving half a file; the hardware
    2  data, models, losses, images, tensorfiles        the ingredients
    3  latent, metrics, editing, inception              what is done with codes, and how well; another's features
    3  priors, flow, sharpening                         fitted after training: densities of codes, gains of pixels
    3  experiments, records, tables                     settings by name; pictures of a run; its figures as text
    4  checkpoints, comparison                          a model and what belongs to it, on disk; sets of images compared
    5  training                                         the loop
    6  attributes                                       the network that judges faces
    7  evaluation                                       the figures of a trained model
    8  runs, demos, plotting, claims                    a run from start to end; what it can show; figures; claims
    9  exercises, widgets, cli                          what a person answers, moves and types

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
