"""What is in the files of a run or a cache, without what differs from run to run: times, and where the folder lies.

A file that cannot be read is half-written: nothing but a whole file may ever be under its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from vaelib.support.errors import UserError
from vaelib.support.tensorfiles import read_tensors

TIMES = ("seconds", "images_per_second")
HALF = "half-written"


def contents(folder: Path) -> dict[str, str]:
    """A digest of each file below a folder by its path; `HALF` for one that cannot be read. Locks are left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(folder)): _digest(path) for path in files if not is_temporary(path)}


def temporary(folder: Path) -> int:
    """The number of files below a folder that are under a temporary name."""
    return sum(path.is_file() and is_temporary(path) for path in folder.rglob("*"))


def is_temporary(path: Path) -> bool:
    return any(".partial" in part for part in path.parts)


def _digest(path: Path) -> str:
    readers = {".safetensors": _tensors, ".json": _json, ".csv": _table, ".toml": _settings, ".npy": _array}
    readers |= dict.fromkeys((".png", ".gif"), _picture)
    try:
        content = readers.get(path.suffix, Path.read_bytes)(path)
    except (UserError, ValueError, OSError, EOFError, SyntaxError):
        return HALF
    return hashlib.sha256(content).hexdigest()[:16]


def _tensors(path: Path) -> bytes:
    tensors, about = read_tensors(path)
    buffer = io.BytesIO()
    for name, tensor in sorted(tensors.items()):
        buffer.write(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        buffer.write(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return buffer.getvalue() + _without_times(about)


def _json(path: Path) -> bytes:
    return _without_times(json.loads(path.read_text(encoding="utf-8")))


def _without_times(value: object) -> bytes:
    """The value as JSON. Times, and NaN, which is no number that equals itself, become words."""

    def cleaned(part: object) -> object:
        if isinstance(part, dict):
            return {key: cleaned(item) for key, item in part.items() if key not in TIMES}
        return [cleaned(item) for item in part] if isinstance(part, list) else part

    return json.dumps(cleaned(value), sort_keys=True).encode()


def _table(path: Path) -> bytes:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not len(table) or (table == "").any(axis=None):
        raise ValueError("a row is not whole")
    return table.drop(columns=list(TIMES), errors="ignore").to_csv(index=False).encode()


def _settings(path: Path) -> bytes:
    text = path.read_text(encoding="utf-8")
    if not {"seed", "detail_steps"} <= tomllib.loads(text).keys():
        raise ValueError("the last settings are missing")
    return text.encode()


def _array(path: Path) -> bytes:
    return np.load(path).tobytes()


def _picture(path: Path) -> bytes:
    with Image.open(path) as picture:
        picture.load()
    return path.read_bytes()
