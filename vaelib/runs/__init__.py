"""Everything that belongs to the folder of a run: training, files, metrics and pictures.

In reading order:

    run          the folder: its files, and the class that reads and writes them
    experiments  named settings of a training run, one TOML file each
    train        from an experiment to a run's folder
    checkpoints  files of weights, and of the state that a resumed training run needs
    statistics   what is fitted after training: priors, attribute directions, a sharpener; held-out codes
    refine       the pixel flow of a trained run
    snapshots    pictures of every epoch
    evaluation   the metrics of a trained model; with comparison, edits, features, and the networks that give features:
                 classifier, imagenet and inception
    report       metrics as text
    pictures     pictures of a run: samples, reconstructions, interpolations, edits
"""

from .run import (
    ANIMATION,
    CODES,
    CONFIG,
    DETAIL,
    DETAIL_RESUME,
    HISTORY,
    METRICS,
    MODEL,
    PICTURES,
    RESUME,
    SHIPPED,
    STATISTICS,
    Run,
    load,
    record,
    shipped,
)

__all__ = [
    "ANIMATION",
    "CODES",
    "CONFIG",
    "DETAIL",
    "DETAIL_RESUME",
    "HISTORY",
    "METRICS",
    "MODEL",
    "PICTURES",
    "RESUME",
    "SHIPPED",
    "STATISTICS",
    "Run",
    "load",
    "record",
    "shipped",
]
