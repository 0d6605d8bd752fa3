"""Downloads, through torchvision. Without a network they fail within seconds."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

PATIENCE = 5  # seconds until a server counts as out of reach


def reachable(url: str) -> bool:
    """Whether a server answers at all, with whatever status. torchvision itself would wait without end."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, HTTPException):
        return False
    return True


def fetch_celeba(folder: Path, names: Sequence[str]) -> str:
    """Try to fetch CelebA's files from Google Drive into `folder`; return what went wrong, in words ("": nothing).

    torchvision compares checksums, so that a quota page is not taken for a zip.
    """
    if not reachable("https://drive.google.com"):
        return "Google Drive is out of reach"
    from torchvision.datasets import CelebA
    from torchvision.datasets.utils import download_file_from_google_drive

    for file_id, checksum, name in CelebA.file_list:
        if name in names:
            try:
                download_file_from_google_drive(file_id, folder, name, checksum)
            except Exception as error:  # gdown, requests and torchvision each raise their own
                (folder / name).unlink(missing_ok=True)
                return f"{name}: {error}".strip().splitlines()[0].rstrip(".")
    return ""
