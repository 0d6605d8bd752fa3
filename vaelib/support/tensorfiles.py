"""Files of tensors: safetensors with a JSON header, written completely or not at all, and checked when read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from .errors import UserError
from .files import atomic_write


def in_float32(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with all floating-point values in float32."""
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}


def in_float16(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with floating-point values in float16, except tensors with values too large for it."""
    halves = {key: value.half() for key, value in tensors.items() if value.is_floating_point()}
    return tensors | {key: half for key, half in halves.items() if half.isfinite().all()}


def write_tensors(
    path: Path, tensors: dict[str, Tensor], about: dict, before: Callable[[], None] | None = None
) -> None:
    """Write tensors, and `about` as JSON in the header, so that `path` is never incomplete.

    `before` is called when they are on the disk, before they replace an older file.
    """
    stored = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_write(path, before) as partial:
        # Not safetensors' save_file: it does not raise OSError on a full disk, and only the owner could read its files.
        partial.write_bytes(serialize(stored, {"vaelib": json.dumps(about)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of a safetensors file, and its header. Raises `UserError` if the file cannot be read."""
    with _opened(path) as file:
        about = _header(file)
        return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118 (not a dict)


def read_about(path: Path) -> dict:
    """The header of a safetensors file, without reading its tensors. Raises `UserError` as `read_tensors` does."""
    with _opened(path) as file:
        return _header(file)


def _header(file: safe_open) -> dict:
    return json.loads((file.metadata() or {})["vaelib"])


@contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    """The file at `path`. Raises `UserError` if it is missing or damaged, or if vaelib did not write it."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: train the run to its end with `vaelib train NAME --resume`, or copy it again."
        )
    try:
        with _name_in_utf8(path) as name, safe_open(name, "pt") as file:
            yield file
    except SafetensorError as error:
        raise _unreadable(path, error) from error
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} was not written by vaelib: only files that `vaelib train` wrote can be loaded."
        ) from error


@contextmanager
def _name_in_utf8(path: Path) -> Iterator[str]:
    """A name of the file that safetensors takes. It takes UTF-8 only; Linux has others, and numbers for open files."""
    if os.fsencode(path).decode(errors="replace") == str(path):
        yield str(path)
    else:
        with path.open("rb") as file:
            yield f"/dev/fd/{file.fileno()}"


def _unreadable(path: Path, error: SafetensorError) -> UserError:
    """The error for an invalid safetensors file; its first bytes say whether it is a pickle."""
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK" or start[:1] == b"\x80":  # torch.save's zip archive, or a bare pickle
        return UserError(
            f"{path} is a pickle, which can run any code when it is loaded: ask for the model as safetensors instead."
        )
    return UserError(f"{path} is truncated or damaged ({error}): copy it again or train again.")


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, by their names without the prefix."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
