"""All that belongs to the folder of a run: how it is made, what it holds, what is measured of it and what it can show.

In reading order:

    run          the folder: which files, and the one class that reads and writes them
    experiments  settings of a training under a name, one TOML file each
    train        from an experiment to a folder
    checkpoints  the weights, and a training that was stopped, as files
    statistics   what is fitted after training: priors, attribute directions, a sharpener; held-out codes
    snapshots    what a person looks at while a run trains
    evaluation   the metrics of a trained model; with features, edits, classifier and inception
    report       metrics as text
    pictures     what a run can show: samples, reconstructions, interpolations, edits
"""

from .run import (
    ANIMATION,
    CODES,
    CONFIG,
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
