"""Downloads, through torchvision. Without a network they fail within seconds."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

PATIENCE = 5  # seconds until a server counts as out of reach


def reachable(url: str) -> bool:
    """Whether a server answers, with any status. torchvision itself would wait without a time limit."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, HTTPException):
        return False
    return True


def fetch_celeba(folder: Path, names: Sequence[str]) -> str:
    """Try to download CelebA's files from Google Drive into `folder`; return the reason for a failure, else "".

    torchvision compares checksums, so Google's page about an exceeded quota is not mistaken for a zip.
    """
    if not reachable("https://drive.google.com"):
        return "Google Drive is out of reach"
    from torchvision.datasets import CelebA
    from torchvision.datasets.utils import download_file_from_google_drive

    for file_id, checksum, name in CelebA.file_list:
        if name in names:
            try:
                download_file_from_google_drive(file_id, folder, name, checksum)
            except Exception as error:  # gdown, requests and torchvision raise different errors
                (folder / name).unlink(missing_ok=True)
                return f"{name}: {error}".strip().splitlines()[0].rstrip(".")
    return ""
