"""Archives and pictures that are made to fill the disk or the memory: what `vaelib prepare` says, and what it cost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

from PIL import Image

from .commands import ending, vaelib
from .records import Outcome, Trial

PIECE = bytes(100 * 2**20)  # zeros that are compressed once and repeated
PIECES = 100  # of them: 10 GB
MANY = 1_100_000  # files in an archive
WIDE = 9_990  # pixels a side of a picture that is just small enough to be read
MOST_SECONDS = 600


def bomb(make: Callable[[Path], Path]) -> Callable[[Path], Trial]:
    """One trial: `vaelib prepare` of what `make` writes into a folder."""

    def start(place: Path) -> Trial:
        path = make(place)

        def trial(number: int) -> Outcome:
            root = place / "root"
            process = vaelib(["prepare", str(path), "--size", "32", "--root", str(root)], place / "log")
            if process.wait(MOST_SECONDS) is None:
                process.kill()
                process.wait()
            written = sum(file.stat().st_size for file in root.rglob("*.npy"))
            shutil.rmtree(root, ignore_errors=True)
            said = process.printed().strip().splitlines() or [""]
            return {
                "size, MB": round(path.stat().st_size / 2**20, 2),
                "ending": ending(process),
                "said": said[-1].replace(str(place) + "/", ""),
                "slowest, s of the processor": round(process.usage.ru_utime + process.usage.ru_stime, 1),
                "most memory, MB": process.usage.ru_maxrss // 2**10,
                "most written, MB": round(written / 2**20, 1),
            }

        return trial

    return start


def zip_of_zeros(place: Path) -> Path:
    """A zip whose one member is a picture of 10 GB of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = packer.compress(PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = piece * PIECES + packer.flush()
    check = 0
    for _ in range(PIECES):
        check = zlib.crc32(PIECE, check)
    return forged(place / "zeros.zip", packed, len(PIECE) * PIECES, check, [b"zeros.png"])


def tar_of_zeros(kind: str, compress: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """A compressed tar of 10 GB of zeros: streams that follow each other are one stream."""

    def make(place: Path) -> Path:
        head = tarfile.TarInfo("zeros.png")
        head.size = PIECES * len(PIECE)
        with (place / f"zeros.tar.{kind}").open("wb") as file:
            file.write(compress(head.tobuf(tarfile.GNU_FORMAT)))
            file.writelines(repeat(compress(PIECE), PIECES))
        return place / f"zeros.tar.{kind}"

    return make


def tar_with_a_long_header(place: Path) -> Path:
    """A tar whose first member has a name of 8 GB less a block. The file is a hole, which takes no space."""
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 2**33 - tarfile.BLOCKSIZE
    with (place / "header.tar").open("wb") as file:
        file.write(head.tobuf(tarfile.GNU_FORMAT))
        file.truncate(2**33 + 2**20)
    return place / "header.tar"


def tar_that_goes_backwards(place: Path) -> Path:
    """A tar whose first member has a size of minus 512 bytes, so that the next member is the same again."""
    head = tarfile.TarInfo("a.png")
    head.size = -tarfile.BLOCKSIZE
    (place / "backwards.tar").write_bytes(head.tobuf(tarfile.GNU_FORMAT) + bytes(2 * tarfile.BLOCKSIZE))
    return place / "backwards.tar"


def tar_of_many(place: Path) -> Path:
    """A tar of more than a million empty pictures."""
    with (place / "many.tar").open("wb") as file:
        file.writelines(tarfile.TarInfo(f"{i:07}.png").tobuf(tarfile.USTAR_FORMAT) for i in range(MANY))
        file.write(bytes(2 * tarfile.BLOCKSIZE))
    return place / "many.tar"


def zip_of_many(number: int) -> Callable[[Path], Path]:
    """A zip of so many names for one and the same member."""
    return lambda place: forged(place / "many.zip", b"\3\0", 0, 0, [b"%07d.png" % i for i in range(number)])


def nested_zips(place: Path) -> Path:
    """Sixteen zips in each of sixteen zips, and so on: five levels, and a megabyte of zeros in each of the last."""
    content, name = bytes(2**20), "zeros.png"
    for level in range(5):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for i in range(16):
                archive.writestr(f"{i}-{name}", content)
        content, name = buffer.getvalue(), f"{level}.zip"
    (place / "nested.zip").write_bytes(content)
    return place / "nested.zip"


def picture_too_large(place: Path) -> Path:
    """A zip of a black picture of 144 million pixels."""
    return zip_of_pictures(place, 12_000, 1)


def large_pictures(place: Path) -> Path:
    """A zip of eight pictures of nearly a hundred million pixels with a transparent colour, one for each job."""
    return zip_of_pictures(place, WIDE, 8)


def zip_of_pictures(place: Path, side: int, number: int) -> Path:
    """A zip of transparent pictures, each followed by 127 good small ones."""
    with zipfile.ZipFile(place / "pictures.zip", "w") as archive:
        large, small = _transparent(side), _transparent(32)
        for i in range(128 * number):
            archive.writestr(f"{i:05}.png", small if i % 128 else large)
    return place / "pictures.zip"


def _transparent(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("P", (side, side)).save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def forged(path: Path, packed: bytes, size: int, check: int, names: list[bytes]) -> Path:
    """A zip of one deflated member under all of these names."""
    first = names[0]
    sizes = struct.pack("<HH2Q", 1, 16, size, len(packed))  # zip64, in which sizes have 64 bits
    fields = struct.pack("<5HL2L", 45, 0, 8, 0, 33, check, 0xFFFFFFFF, 0xFFFFFFFF)
    local = b"PK\3\4" + fields + struct.pack("<2H", len(first), len(sizes)) + first + sizes + packed
    tail = struct.pack("<H3HLL", len(sizes), 0, 0, 0, 0, 0) + b"%b" + sizes
    entries = b"".join(
        b"PK\1\2" + struct.pack("<H", 45) + fields + struct.pack("<H", len(name)) + tail.replace(b"%b", name)
        for name in names
    )
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, len(names), len(names), len(entries), len(local))
    end += struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(entries), 1)
    end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(local + entries + end)
    return path


ROWS = {
    "zip of 10 GB of zeros": bomb(zip_of_zeros),
    "tar.gz of 10 GB of zeros": bomb(tar_of_zeros("gz", lambda data: gzip.compress(data, 9))),
    "tar.bz2 of 10 GB of zeros": bomb(tar_of_zeros("bz2", bz2.compress)),
    "tar.xz of 10 GB of zeros": bomb(tar_of_zeros("xz", lambda data: lzma.compress(data, preset=1))),
    "tar with a name of 8 GB": bomb(tar_with_a_long_header),
    "tar that goes backwards": bomb(tar_that_goes_backwards),
    "tar of 1,100,000 files": bomb(tar_of_many),
    "zip of 1,000,000 names of one file": bomb(zip_of_many(1_000_000)),
    "zip of 3,000,000 names of one file": bomb(zip_of_many(3_000_000)),
    "zips in zips, five levels": bomb(nested_zips),
    "picture of 144 million pixels": bomb(picture_too_large),
    "8 pictures of 99.8 million pixels": bomb(large_pictures),
}
