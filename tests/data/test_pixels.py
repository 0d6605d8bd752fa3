"""Pixels that other programs store: floating point, 10 to 16 bits, metadata of any size and brokenness."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tests.data.images import encoded, load, pattern, refusal
from vaelib.data import decode
from vaelib.data import pixels as of_images

GREY = pattern()[..., 0]
TURNED = {1: 0, 3: 2, 6: 3, 8: 1}  # EXIF's orientation, and the quarter turns to the left that it asks for


def folder_of(tmp_path, files: list[bytes], suffix: str):
    (tmp_path / "a").mkdir()
    for number, content in enumerate(files):
        (tmp_path / f"a/{number}{suffix}").write_bytes(content)
    return tmp_path / "a"


def as_shown(pixels: np.ndarray) -> np.ndarray:
    return decode.decode(encoded(pixels), 32).astype(int)


def test_floats_from_0_to_1_are_scaled():
    found = decode.decode(encoded((GREY / 255).astype(np.float32), "TIFF"), 32)
    assert np.abs(found.astype(int) - as_shown(GREY)).max() <= 1


@pytest.mark.parametrize(("lowest", "highest"), [(0, 255), (-1, 1), (0, 1.5), (0, np.nan), (-1000, 3000)])
def test_floats_of_another_range_are_refused_with_their_range(tmp_path, lowest, highest):
    pixels = np.full((8, 8), lowest, dtype=np.float32)
    pixels[0] = highest
    message = refusal(folder_of(tmp_path, [encoded(pixels, "TIFF")] * 3, ".tif"))
    assert "floating-point numbers from" in message and "0 to 1" in message
    if np.isfinite(highest):
        assert f"from {lowest:g} to {highest:g}" in message


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("colour", [False, True])
def test_few_bits_in_files_of_16_are_refused_and_never_black(tmp_path, bits, colour):
    pixels = GREY.astype(np.uint16) * (2**bits // 256)
    files = [png16(pixels) if colour else encoded(pixels) for _ in range(5)]
    message = refusal(folder_of(tmp_path, files, ".png"))
    assert "use only the range from 0 to" in message and "of 65,535" in message and "scale their pixels" in message


def png16(grey: np.ndarray) -> bytes:
    """A PNG of 16 bits in colour, which Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.repeat(grey[..., None], 3, axis=2).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def test_16_bits_in_full_use_are_shown_as_they_are():
    full = GREY.astype(np.uint16) * 257
    for content in (encoded(full), png16(full), encoded(full, "TIFF")):
        assert np.abs(decode.decode(content, 32).astype(int) - as_shown(GREY)).max() <= 1


def test_one_dark_picture_among_others_of_16_bits_is_used(tmp_path):
    files = [encoded(GREY.astype(np.uint16) * factor) for factor in (257, 257, 10)]
    assert load(folder_of(tmp_path, files, ".png")).images.shape[1:] == (3, 32, 32)


def test_a_tiff_of_12_bits_is_scaled_by_what_it_says():
    """Pillow does not write one, so the tag of one of 16 bits is changed, and its samples packed."""
    values = (GREY.astype(np.uint16) * 16 + 15).reshape(-1, 2).astype(np.uint32)
    packed = (values[:, 0] << 12) | values[:, 1]
    strip = np.stack([packed >> 16, packed >> 8, packed], axis=1).astype(np.uint8).tobytes()
    tags = [(256, 48), (257, 48), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 48), (279, len(strip))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    content = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory + b"\0" * 4
    assert np.abs(decode.decode(content, 32).astype(int) - as_shown(GREY)).max() <= 2


def test_whole_numbers_of_32_bits_beyond_16_are_refused(tmp_path):
    pixels = GREY.astype(np.int32) * 100_000
    message = refusal(folder_of(tmp_path, [encoded(pixels, "TIFF")] * 3, ".tif"))
    assert "whole numbers from " in message and "65,535" in message


# --- metadata ---------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, content: bytes, checksum: bytes | None = None) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content + (checksum or struct.pack(">I", zlib.crc32(kind + content)))
    )


HUGE = zlib.compress(b"a" * (3 << 20))
CHUNKS = {
    "a long text": chunk(b"zTXt", b"workflow\0\0" + HUGE),
    "a long international text": chunk(b"iTXt", b"prompt\0\1\0\0\0" + HUGE),
    "a large profile": chunk(b"iCCP", b"icc\0\0" + HUGE),
    "a broken profile": chunk(b"iCCP", b"icc\0\0not compressed"),
    "broken EXIF": chunk(b"eXIf", b"\0\10\0\2\1\x12\0\3" * 4),
    "a broken time": chunk(b"tIME", b""),
    "broken densities": chunk(b"pHYs", b"\0"),
    "a broken gamma": chunk(b"gAMA", b""),
    "a wrong checksum": chunk(b"tEXt", b"a\0b", b"\0\0\0\0"),
    "an unknown chunk": chunk(b"vpAg", b"\0" * 9),
}


@pytest.mark.parametrize("name", CHUNKS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_what_a_png_says_beside_its_pixels_does_not_matter(name, place):
    png = encoded(pattern())
    where = 33 if place == "before" else len(png) - 12
    found = decode.decode(png[:where] + CHUNKS[name] + png[where:], 32)
    assert np.array_equal(found, decode.decode(png, 32))
    assert decode.dimensions(png[:where] + CHUNKS[name] + png[where:]) == (48, 48)


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


SEGMENTS = {
    "broken EXIF": segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "EXIF that is cut": segment(0xE1, b"Exif\0\0MM"),
    "EXIF of another kind": segment(0xE1, b"Exif\0\0garbage, garbage"),
    "half a profile": segment(0xE2, b"ICC_PROFILE\0\2\5half"),
    "a broken list of pictures": segment(0xE2, b"MPF\0II*\0\xff\xff"),
    "broken Photoshop data": segment(0xED, b"Photoshop 3.0\0008BIM\x03\xed"),
    "a comment": segment(0xFE, b"x" * 65_000),
    "much XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 60_000) * 50,
}


@pytest.mark.parametrize("name", SEGMENTS)
def test_what_a_jpeg_says_beside_its_pixels_does_not_matter(name):
    jpeg = encoded(pattern(), "JPEG")
    found = decode.decode(jpeg[:2] + SEGMENTS[name] + jpeg[2:], 32)
    assert np.array_equal(found, decode.decode(jpeg, 32))


def test_a_webp_with_broken_metadata():
    webp = encoded(pattern(), "WEBP", lossless=True, exif=b"Exif\0\0broken", icc_profile=b"broken")
    assert np.array_equal(decode.decode(webp, 32), as_shown(pattern()))


def test_bytes_after_the_end_do_not_matter():
    """Phones append films to photographs."""
    for content in (encoded(pattern(), "JPEG"), encoded(pattern())):
        assert np.array_equal(decode.decode(content + b"film" * 999, 32), decode.decode(content, 32))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}])
def test_a_jpeg_without_its_two_last_bytes_is_whole(options):
    jpeg = encoded(pattern(3), "JPEG", **options)
    assert np.array_equal(decode.decode(jpeg[:-2], 32), decode.decode(jpeg, 32))


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.97])
def test_a_jpeg_that_lacks_pixels_is_damaged(cut):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    jpeg = encoded(noise, "JPEG")
    with pytest.raises(OSError, match="truncated"):
        decode.decode(jpeg[: int(cut * len(jpeg))], 32)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_the_orientation_is_applied_once(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(pattern()), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = as_shown(np.rot90(pattern(), TURNED[orientation]).copy())
    assert np.abs(decode.decode(content, 32) - expected).mean() < (9 if kind == "JPEG" else 1)


def test_a_tiff_with_a_broken_tag():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[34675] = b"broken profile"
    buffer = io.BytesIO()
    Image.fromarray(pattern()).save(buffer, "TIFF", tiffinfo=tags)
    assert np.array_equal(decode.decode(buffer.getvalue(), 32), as_shown(pattern()))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparent_pixels_are_laid_over_white_in_strips_as_at_once(monkeypatch, mode):
    values = np.random.default_rng(0).integers(0, 256, (23, 17, 4), dtype=np.uint8)
    image = Image.fromarray(values)
    if mode in ("P", "RGB"):
        image = image.convert("RGB").convert(mode)
        image.info["transparency"] = 3 if mode == "P" else image.getpixel((2, 2))
    image = image.convert(mode) if mode == "LA" else image
    at_once = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    for rows in (1, 5, 23, 100):
        monkeypatch.setattr(of_images, "STRIP", rows)
        assert np.array_equal(np.asarray(of_images.as_rgb(image)), np.asarray(at_once))
