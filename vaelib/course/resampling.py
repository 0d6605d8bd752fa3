"""Standard errors in the chapters' tables: how much a number would change with other images of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import torch
from torch import Tensor

from ..metrics import Estimate


def bootstrap(
    statistic: Callable[..., float | Tensor], *sets: Tensor, paired: bool = True, times: int = 100, seed: int = 0
) -> Estimate:
    """A number that is computed from images, and its standard error: its spread when the images are drawn again.

    Each of `sets` is (N, ...), one row for each image, and `statistic` takes them all. N rows are drawn with
    replacement, so often: of `paired` sets the same rows, otherwise other rows of each set. The error does not say how
    much the number would change with another training run. For a distance between sets take `metrics.estimate`.
    """
    generator, values = torch.Generator().manual_seed(seed), []
    for _ in range(times):
        rows = [torch.randint(len(rows_of), (len(rows_of),), generator=generator) for rows_of in sets]
        drawn = [rows_of[rows[0] if paired else own] for rows_of, own in zip(sets, rows, strict=True)]
        values.append(float(statistic(*drawn)))
    return Estimate(float(statistic(*sets)), Estimate.of(values).error)


def table(rows: Mapping[str, Mapping[str, Estimate | float | str]]) -> pd.DataFrame:
    """Rows of estimates as text, as in "183 ± 2". What has no error is written without one."""
    return pd.DataFrame(
        {name: {column: _written(value) for column, value in row.items()} for name, row in rows.items()}
    ).T


def _written(value: Estimate | float | str) -> str:
    if isinstance(value, Estimate):
        return str(value) if value.error > 0 else f"{value.value:.3g}"
    return value if isinstance(value, str) else f"{value:.3g}"
