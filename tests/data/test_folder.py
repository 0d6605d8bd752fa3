"""Folders and zips of any images, and the decoder: all files of cameras and drawing programs become RGB."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.images import lengths, load
from vaelib import data
from vaelib.data import decode
from vaelib.support.errors import UserError


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(colour: str = "red", size: tuple[int, int] = (40, 40)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture())
    return root


def test_images_without_folders_are_split_at_random_but_always_in_the_same_way(tmp_path):
    names = [f"{i}.png" for i in range(60)]
    assert lengths(put(tmp_path / "a", *names)) == [54, 3, 3]
    assert lengths(put(tmp_path / "b", *(f"wrapped/{name}" for name in names))) == [54, 3, 3]
    ds = load(tmp_path / "a")
    assert (ds.name, ds.attributes, ds.factors, ds.synthetic) == ("a", None, None, False)


@pytest.mark.parametrize("name", ["mine", "celeba"])
def test_the_largest_square_is_kept_whatever_the_folder_is_called(tmp_path, name):
    ds = load(put(tmp_path / name, *(f"{i}.png" for i in range(3))))
    assert (ds.name, ds.crop, ds.subset(1).crop) == (name, *["the largest centred square"] * 2)


def test_three_images_make_three_splits(tmp_path):
    assert lengths(put(tmp_path / "few", "1.png", "2.png", "3.png")) == [1, 1, 1]
    assert lengths(put(tmp_path / "one", "1.png")) == [1, 0, 0]


def test_sub_folders_are_classes(tmp_path):
    put(tmp_path / "pets", *(f"{animal}/{i}.png" for animal in ("cat", "dog") for i in range(10)))
    ds = load(tmp_path / "pets")
    assert ds.attribute_names == ["cat", "dog"]
    assert ds.attributes.sum(dim=1).tolist() == [1] * len(ds)


def test_sub_folders_name_splits_and_in_them_classes(tmp_path):
    names = ["train/cat/1.png", "train/dog/2.png", "val/dog/3.png", "Test/cat/4.png", "Test/dog/5.png", "docs/logo.png"]
    put(tmp_path / "pets", *names)
    assert lengths(tmp_path / "pets") == [2, 1, 2]
    assert load(tmp_path / "pets", "test").attributes.tolist() == [[True, False], [False, True]]


def test_a_missing_split_is_explained(tmp_path):
    put(tmp_path / "pets", "train/1.png", "valid/2.png")
    with pytest.raises(
        UserError, match=r"No image of the test partition is in .*pets, only 1 of train and 1 of valid: "
    ):
        load(tmp_path / "pets", "test")


def test_a_zip_is_read_without_being_extracted(tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for i in range(10):
            archive.writestr(f"pets/{'cat' if i % 2 else 'dog'}/{i}.png", picture())
        archive.writestr("__MACOSX/pets/._0.png", b"no image")
    assert lengths(tmp_path / "pets.zip") == [8, 1, 1]
    assert load(tmp_path / "pets.zip").attribute_names == ["cat", "dog"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets.zip", "root"]


def test_two_folders_of_one_name_have_two_caches(tmp_path):
    put(tmp_path / "a" / "photos", "1.png")
    put(tmp_path / "b" / "photos", "1.png", "2.png")
    root = tmp_path / "root"
    caches = {data.prepare(tmp_path / parent / "photos", 32, root, progress=False) for parent in ("a", "b")}
    assert len(caches) == 2
    assert all(cache.name.startswith("photos-") and cache.name.endswith("-32") for cache in caches)


def test_a_new_class_is_noticed(tmp_path):
    put(tmp_path / "pets", "cat/1.png", "dog/1.png")
    assert load(tmp_path / "pets").attribute_names == ["cat", "dog"]
    put(tmp_path / "pets", "eel/1.png")
    assert load(tmp_path / "pets").attribute_names == ["cat", "dog", "eel"]


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    put(tmp_path / "elsewhere", "1.png", "2.png")
    put(tmp_path / "pets", "cat/1.png")
    (tmp_path / "pets" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pets" / "cat" / "loop").symlink_to(tmp_path / "pets")
    assert sum(lengths(tmp_path / "pets")) == 3


@pytest.mark.parametrize("make", ["empty", "no image", "empty zip"])
def test_no_image(tmp_path, make):
    path = tmp_path / ("pets.zip" if make == "empty zip" else "pets")
    if make == "empty zip":
        zipfile.ZipFile(path, "w").close()
    else:
        path.mkdir()
    if make == "no image":
        (path / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match="There is no image in"):
        load(path)


def test_a_file_that_is_no_zip(tmp_path):
    (tmp_path / "pets.zip").write_bytes(b"PK\3\4 and then no more")
    with pytest.raises(UserError, match=r"pets.zip is not a complete zip: get it again, or name a folder"):
        load(tmp_path / "pets.zip")


def test_a_zip_of_a_version_that_is_unknown(tmp_path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", picture())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 6] = 254  # the version that is needed to unpack it
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"pets.zip is not a complete zip"):
        load(path)


def test_pixels_of_every_kind_of_image():
    """Each image has a single colour, so one pixel is enough."""
    grey16 = Image.fromarray(np.full((40, 40), 128 * 257, dtype=np.uint16))
    palette = Image.new("RGB", (40, 40), (255, 0, 0)).quantize(4)
    cases = [
        (encoded(Image.new("L", (40, 40), 90)), (90, 90, 90)),
        (encoded(Image.new("1", (40, 40), 1)), (255, 255, 255)),
        (encoded(grey16), (128, 128, 128)),
        (encoded(palette), (255, 0, 0)),
        (encoded(palette, "GIF"), (255, 0, 0)),
        (encoded(Image.new("LA", (40, 40), (0, 0))), (255, 255, 255)),
        (encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 0))), (255, 255, 255)),
        (encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 51))), (204, 204, 204)),
        (encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        (encoded(Image.new("RGB", (40, 40), (0, 200, 0)), "WEBP", lossless=True), (0, 200, 0)),
    ]
    for file, colour in cases:
        image = decode.decode(file, 32)
        assert (image.shape, image.dtype) == ((3, 32, 32), np.uint8)
        np.testing.assert_allclose(image[:, 16, 16], colour, atol=3)


def test_the_cameras_rotation_is_applied():
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 40, 20))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the stored upper edge is the right edge
    decoded = decode.decode(encoded(image, "JPEG", exif=exif), 32)
    assert decoded[:, :, :12].max() < 30
    assert decoded[:, :, 20:].min() > 225


@pytest.mark.parametrize("size", [(100, 60), (60, 100)])
def test_the_largest_centred_square_is_kept(size):
    image = Image.new("RGB", size, "red")
    image.paste("blue", ((size[0] - 60) // 2, (size[1] - 60) // 2, (size[0] + 60) // 2, (size[1] + 60) // 2))
    assert decode.decode(encoded(image), 32)[2].min() > 150


def test_a_large_photograph_is_resized_without_aliasing():
    """A checkerboard of single pixels becomes grey, also through the shortcut for large JPEG files."""
    board = np.indices((1024, 1024)).sum(axis=0) % 2 * 255
    image = Image.fromarray(board.astype(np.uint8)).convert("RGB")
    for kind in ("PNG", "JPEG"):
        pixels = decode.decode(encoded(image, kind), 32)[:, 2:-2, 2:-2]
        np.testing.assert_allclose(pixels, 127.5, atol=4)


def test_a_format_that_runs_a_program_is_refused():
    with pytest.raises(Image.UnidentifiedImageError):
        decode.decode(encoded(Image.new("RGB", (40, 40)), "EPS"), 32)
