"""A seeded mutator: good bytes, and bytes that differ from them at random places."""

from __future__ import annotations

import codecs
import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable

EDGES = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"-1",
    b"9" * 40,
    b"1e999",
    b"nan",
    b"../",
    b"\\",
    b"%s",
    b"\n",
]
NAMES = [
    "../stolen.png",
    "/stolen.png",
    "a/../../stolen.png",
    "..\\stolen.png",
    "C:\\stolen.png",
    "a" * 300 + ".png",
    "\udcff.png",
    "nul.png",
    "a\0b.png",
    "",
    ".",
    "/",
    "train/../../stolen.png",
    "~/stolen.png",
]
TAR_TYPES = b"01234567LKxgSDVM\0z"


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The bytes after one to eight random changes. Half of the results keep their length, which gets them further."""
    data = bytearray(content)
    keeps_length = chance.random() < 0.5
    for _ in range(chance.randint(1, 8)):
        place, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 4, 16, 64))
        change = chance.choice(("flip", "edge") if keeps_length else ("flip", "remove", "repeat", "edge", "cut"))
        if change == "flip" and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif change == "remove":
            del data[place : place + length]
        elif change == "repeat":
            data[place:place] = data[place : place + length] * chance.randint(1, 4)
        elif change == "edge":
            edge = chance.choice(EDGES)
            data[place : place + len(edge)] = edge[: len(data) - place] if keeps_length else edge
        elif change == "cut" and chance.random() < 0.1:
            del data[place:]
    return bytes(data)


def mutated_zip(content: bytes, chance: random.Random) -> bytes:
    """A well-formed zip whose members have other names or bytes."""
    buffer = io.BytesIO()
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(io.BytesIO(content)) as good, zipfile.ZipFile(buffer, "w", kind) as archive:
        for name in good.namelist():
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = _name(name, chance), kind
            try:
                archive.writestr(info, _sometimes(good.read(name), chance))
            except (UnicodeEncodeError, ValueError):  # a name that no zip can hold
                continue
    return buffer.getvalue()


def mutated_tar(content: bytes, chance: random.Random) -> bytes:
    """A tar with other headers, whose checksums are right."""
    data = bytearray(content)
    headers = range(0, len(data) - tarfile.BLOCKSIZE, tarfile.BLOCKSIZE)
    headers = [place for place in headers if data[place + 257 : place + 262] == b"ustar"]
    for place in chance.sample(headers, min(len(headers), chance.randint(1, 3))):
        header = bytearray(data[place : place + tarfile.BLOCKSIZE])
        change = chance.choice(("name", "type", "size", "any"))
        if change == "name":
            header[:100] = _name("a.png", chance).encode("utf-8", "surrogateescape")[:100].ljust(100, b"\0")
        elif change == "type":
            header[156] = chance.choice(TAR_TYPES)
        elif change == "size":
            sizes = (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0", b"-0000001000\0", b"0" * 11 + b"\0")
            header[124:136] = chance.choice(sizes)
        else:
            header = bytearray(mutated(bytes(header), chance)[: tarfile.BLOCKSIZE].ljust(tarfile.BLOCKSIZE, b"\0"))
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        data[place : place + tarfile.BLOCKSIZE] = header
    return bytes(data)


def mutated_tensors(content: bytes, chance: random.Random) -> bytes:
    """A file of tensors with another header whose length is right: its JSON is changed as text, or as values."""
    (length,) = struct.unpack("<Q", content[:8])
    header, rest = content[8 : 8 + length], content[8 + length :]
    if chance.random() < 0.5:
        header = mutated(header, chance)
    else:
        about = json.loads(header)
        inner = json.loads(about["__metadata__"]["vaelib"])
        _change_a_value(inner if chance.random() < 0.7 else about, chance)
        if isinstance(about.get("__metadata__"), dict):
            about["__metadata__"]["vaelib"] = json.dumps(inner)
        header = json.dumps(about).encode()
    return struct.pack("<Q", len(header)) + header + rest


def _change_a_value(value: dict, chance: random.Random) -> None:
    """Replace or remove one value at any depth."""
    key = chance.choice(sorted(value)) if value else None
    if key is None:
        return
    if isinstance(value[key], dict) and chance.random() < 0.8:
        _change_a_value(value[key], chance)
    elif chance.random() < 0.2:
        del value[key]
    else:
        value[key] = chance.choice((None, -1, 0, 2**40, 10**25, 1e308, "", "VAE", [], [2**40], {}, True, [[1]], "nan"))


def mutated_lines(content: bytes, chance: random.Random) -> bytes:
    """Text whose words have changed places or are gone, which stays text."""
    is_utf16 = content.startswith(codecs.BOM_UTF16_LE)
    lines = content.decode("utf-16" if is_utf16 else "utf-8").splitlines()
    for _ in range(chance.randint(1, 4)):
        if not lines:
            break
        line = chance.randrange(len(lines))
        words = lines[line].replace(",", " , ").split()
        change = chance.choice(("swap", "drop", "line", "word"))
        if change == "swap":
            chance.shuffle(words)
        elif change == "drop" and words:
            del words[chance.randrange(len(words))]
        elif change == "word" and words:
            word = chance.choice(("-1", "1e400", "nan", "true", "[]", '"', "[[[[", "=", "0x1", "1_0", "é", "9" * 30))
            words[chance.randrange(len(words))] = word
        lines[line] = " ".join(words)
        if change == "line":
            lines[line:line] = [lines[chance.randrange(len(lines))]] * chance.randint(0, 2)
    return "\n".join(lines).encode("utf-16" if is_utf16 else "utf-8")


def _name(name: str, chance: random.Random) -> str:
    return chance.choice(NAMES) if chance.random() < 0.2 else name


def _sometimes(content: bytes, chance: random.Random) -> bytes:
    return mutated(content, chance) if chance.random() < 0.3 else content


def in_turn(*ways: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """A mutator that chooses one of several ways at random."""
    return lambda content, chance: chance.choice(ways)(content, chance)
