"""CelebA as users have it: official and Kaggle's layouts, zipped or not, in parts, and with every kind of defect."""

import functools
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaelib import data
from vaelib.data import celeba, download
from vaelib.support.errors import UserError

NAMES = ["Smiling", "Eyeglasses", "Male"]
TRAIN, VALID, TEST = 110, 12, 6
TOTAL = TRAIN + VALID + TEST


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(download, "reachable", lambda url: False)


@functools.cache
def jpeg(number: int) -> bytes:
    """178 x 218 pixels. The brightness encodes the number, and only the centred 148 x 148 are blue."""
    pixels = np.full((218, 178, 3), (number % 100 + 100, 100, 0), dtype=np.uint8)
    pixels[35:183, 15:163, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def labels_of(number: int) -> list[str]:
    return ["1" if number % divisor == 0 else "-1" for divisor in (2, 3, 5)]


def split_of(number: int) -> str:
    return "0" if number <= TRAIN else "1" if number <= TRAIN + VALID else "2"


def name_of(number: int) -> str:
    return f"{number:06}.jpg"


def official_tables() -> dict[str, str]:
    attributes = [f"{name_of(i)} " + " ".join(f"{value:>2}" for value in labels_of(i)) for i in range(1, TOTAL + 1)]
    partition = [f"{name_of(i)} {split_of(i)}" for i in range(1, TOTAL + 1)]
    return {
        "list_attr_celeba.txt": "\r\n".join([str(TOTAL), " ".join(NAMES) + " ", *attributes]),
        "list_eval_partition.txt": "\n".join(partition),
    }


def kaggle_tables() -> dict[str, str]:
    attributes = [",".join([name_of(i), *labels_of(i)]) for i in range(1, TOTAL + 1)]
    partition = [f"{name_of(i)},{split_of(i)}" for i in range(1, TOTAL + 1)]
    return {
        "list_attr_celeba.csv": "\n".join([",".join(["image_id", *NAMES]), *attributes]),
        "list_eval_partition.csv": "\n".join(["image_id,partition", *partition]),
    }


def all_images() -> dict[str, bytes]:
    return {name_of(i): jpeg(i) for i in range(1, TOTAL + 1)}


def put(folder: Path, files: dict[str, bytes | str], inside: str = "") -> None:
    """Write files into `folder/inside`."""
    (folder / inside).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / inside / name).write_bytes(content.encode() if isinstance(content, str) else content)


def put_zip(path: Path, files: dict[str, bytes | str], inside: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "a") as archive:
        for name, content in files.items():
            archive.writestr(f"{inside}{name}", content)


def official_folder(root: Path) -> None:
    put(root / "celeba", all_images(), "img_align_celeba")
    put(root / "celeba", official_tables())


def official_zip(root: Path) -> None:
    put_zip(root / "celeba" / "img_align_celeba.zip", all_images(), "img_align_celeba/")
    put(root / "celeba", official_tables())


def official_page(root: Path) -> None:
    """The folders of the Google Drive, with the original photographs under the same names beside the aligned images."""
    put_zip(root / "Img" / "img_align_celeba.zip", all_images(), "img_align_celeba/")
    put(root / "Img" / "img_celeba", dict.fromkeys(all_images(), b"the original") | {"x.jpg": b""})
    tables = official_tables()
    put(root / "Anno", {"list_attr_celeba.txt": tables["list_attr_celeba.txt"]})
    put(root / "Eval", {"list_eval_partition.txt": tables["list_eval_partition.txt"]})


def official_page_in_a_folder(root: Path) -> None:
    official_page(root / "CelebA")


def official_zips_in_root(root: Path) -> None:
    put_zip(root / "img_align_celeba.zip", all_images())
    put_zip(root / "annotations.zip", official_tables())


def kaggle_folder(root: Path) -> None:
    put(root / "celeba-dataset", all_images(), "img_align_celeba/img_align_celeba")
    put(root / "celeba-dataset", kaggle_tables())


def kaggle_zip(root: Path) -> None:
    put_zip(root / "archive.zip", all_images(), "img_align_celeba/img_align_celeba/")
    put_zip(root / "archive.zip", kaggle_tables())


LAYOUTS = [
    official_folder,
    official_zip,
    official_page,
    official_page_in_a_folder,
    official_zips_in_root,
    kaggle_folder,
    kaggle_zip,
]


def load(root: Path, split: str = "train") -> data.Dataset:
    return data.load("celeba", size=32, split=split, root=root, progress=False)


def failure(root: Path, split: str = "train") -> str:
    """The message of the error, which must be one sentence. No half-written file may be left."""
    with pytest.raises(UserError) as caught:
        load(root, split)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert not list(root.glob("prepared/*.partial"))
    return message


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_data(tmp_path, layout):
    layout(tmp_path)
    ds = load(tmp_path)
    assert ds.images.shape == (TRAIN, 3, 32, 32)
    assert [len(load(tmp_path, split)) for split in ("valid", "test")] == [VALID, TEST]
    assert ds.attribute_names == NAMES
    expected = [[value == "1" for value in labels_of(i)] for i in range(1, TRAIN + 1)]
    assert torch.equal(ds.attributes, torch.tensor(expected))
    brightness = ds.images[:, 0].mean(axis=(1, 2))
    np.testing.assert_allclose(brightness, [i % 100 + 100 for i in range(1, TRAIN + 1)], atol=3)
    assert not ds.synthetic


def test_the_crop_is_the_centred_148(tmp_path):
    official_zip(tmp_path)
    assert load(tmp_path).images[:, 2].min() > 150
    index = json.loads((data.prepare("celeba", 32, tmp_path) / "index.json").read_text())
    assert "148" in index["crop"]
    assert load(tmp_path).crop == "the centred 148 x 148 pixels"


def test_no_data_and_no_network(tmp_path):
    message = failure(tmp_path)
    assert "img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt" in message
    assert str(tmp_path / "celeba") in message
    for place in ("mmlab.ie.cuhk.edu.hk", "Google Drive", "jessicali9530/celeba-dataset"):
        assert place in message


def test_a_download_that_fails_leaves_no_file(tmp_path, monkeypatch):
    def quota_page(file_id, folder, name, checksum):
        put(folder, {name: "<!DOCTYPE html>"})
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(download, "reachable", lambda url: True)
    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", quota_page)
    assert "the download failed: img_align_celeba.zip" in failure(tmp_path)
    assert not list((tmp_path / "celeba").iterdir())


def test_missing_files_are_downloaded(tmp_path, monkeypatch):
    def give(file_id, folder, name, checksum):
        put(folder, {name: official_tables()[name]})

    put_zip(tmp_path / "celeba" / "img_align_celeba.zip", all_images())
    monkeypatch.setattr(download, "reachable", lambda url: True)
    monkeypatch.setattr("torchvision.datasets.utils.download_file_from_google_drive", give)
    assert len(load(tmp_path)) == TRAIN


def test_a_quota_page_saved_as_a_zip(tmp_path):
    put(
        tmp_path / "celeba",
        official_tables() | {"img_align_celeba.zip": "\n<!DOCTYPE html><html>Quota exceeded</html>"},
    )
    message = failure(tmp_path)
    assert "img_align_celeba.zip is a web page" in message
    assert "jessicali9530/celeba-dataset" in message


def test_a_truncated_zip(tmp_path):
    official_zip(tmp_path)
    path = tmp_path / "celeba" / "img_align_celeba.zip"
    os.truncate(path, path.stat().st_size // 2)
    assert "img_align_celeba.zip is not a complete zip" in failure(tmp_path)


def test_a_damaged_zip_beside_good_files_does_not_matter(tmp_path):
    official_folder(tmp_path)
    put(tmp_path / "celeba", {"img_align_celeba.zip": "<html>"})
    assert len(load(tmp_path)) == TRAIN


def test_a_missing_table_is_named(tmp_path):
    official_folder(tmp_path)
    (tmp_path / "celeba" / "list_eval_partition.txt").unlink()
    assert "CelebA needs list_eval_partition.txt, not found" in failure(tmp_path)


def test_a_web_page_in_place_of_a_table(tmp_path):
    official_folder(tmp_path)
    put(tmp_path / "celeba", {"list_attr_celeba.txt": "<html>Quota exceeded</html>"})
    assert "is not a table of annotations" in failure(tmp_path)


def test_a_row_with_too_few_values(tmp_path):
    official_folder(tmp_path)
    put(tmp_path / "celeba", {"list_attr_celeba.txt": official_tables()["list_attr_celeba.txt"][:-2]})
    assert f"row {TOTAL:06} has 2 values" in failure(tmp_path)


def test_one_broken_image_is_named_skipped_and_counted(tmp_path, capsys):
    put_zip(tmp_path / "celeba" / "img_align_celeba.zip", all_images() | {name_of(7): jpeg(7)[:1500]})
    put(tmp_path / "celeba", official_tables())
    ds = load(tmp_path)
    assert len(ds) == TRAIN - 1
    assert len(load(tmp_path, "valid")) == VALID
    expected = [[value == "1" for value in labels_of(i)] for i in range(1, TRAIN + 1) if i != 7]
    assert ds.attributes.tolist() == expected
    assert "Found and not used: 1 that cannot be read (000007.jpg: damaged or cut short)." in capsys.readouterr().err
    assert json.loads((data.prepare("celeba", 32, tmp_path) / "index.json").read_text())["skipped"] == ["000007.jpg"]


def test_more_than_one_percent_broken(tmp_path):
    official_folder(tmp_path)
    put(tmp_path / "celeba" / "img_align_celeba", {name_of(7): b"", name_of(8): b"<html>"})
    message = failure(tmp_path)
    assert f"Only {TOTAL - 2} of the {TOTAL} images" in message
    assert "000007.jpg are empty files and " in message
    assert "000008.jpg are web pages: " in message


def test_an_image_that_would_fill_the_memory_counts_as_broken(tmp_path, capsys):
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    put(tmp_path / "celeba", all_images() | {name_of(7): bomb.getvalue()}, "img_align_celeba")
    put(tmp_path / "celeba", official_tables())
    with pytest.warns(Image.DecompressionBombWarning):
        assert len(load(tmp_path)) == TRAIN - 1
    assert "000007.jpg" in capsys.readouterr().err


def test_rows_without_image_and_images_without_row(tmp_path, capsys):
    some = {name: content for name, content in all_images().items() if int(name[:6]) % 2}
    put(tmp_path / "celeba", some | {"999999.jpg": jpeg(1)}, "img_align_celeba")
    put(tmp_path / "celeba", official_tables())
    assert len(load(tmp_path)) == TRAIN // 2
    assert (
        "Found and not used: 1 without a row in both tables (celeba/img_align_celeba/999999.jpg); "
        f"{TOTAL // 2} rows without an image.\n"
    ) in capsys.readouterr().err


def test_no_image_has_a_row(tmp_path):
    put(tmp_path / "celeba", {f"photo{i}.jpg": jpeg(i) for i in range(3)}, "img_align_celeba")
    put(tmp_path / "celeba", official_tables())
    assert "None of the 3 images" in failure(tmp_path)


def test_a_partition_without_images(tmp_path):
    some = {name: content for name, content in all_images().items() if split_of(int(name[:6])) != "2"}
    put_zip(tmp_path / "celeba" / "img_align_celeba.zip", some)
    put(tmp_path / "celeba", official_tables())
    assert len(load(tmp_path)) == TRAIN
    assert "No image of the test partition" in failure(tmp_path, "test")


def test_a_hostile_zip_reaches_no_file_outside(tmp_path):
    root = tmp_path / "root"
    official_zip(root)
    put_zip(root / "celeba" / "img_align_celeba.zip", {"../../../stolen.jpg": jpeg(1)})
    before = set(tmp_path.rglob("*"))
    assert len(load(root)) == TRAIN
    assert all("prepared" in path.parts for path in set(tmp_path.rglob("*")) - before)


def test_new_images_are_noticed_and_other_files_in_the_root_are_not(tmp_path, capsys):
    official_folder(tmp_path)
    load(tmp_path)
    (tmp_path / "unrelated").mkdir()
    load(tmp_path)
    assert "out of date" not in capsys.readouterr().err
    (tmp_path / "celeba" / "img_align_celeba" / name_of(1)).unlink()
    assert len(load(tmp_path)) == TRAIN - 1
    assert "out of date" in capsys.readouterr().err


def test_the_cache_outlives_its_source(tmp_path):
    official_zip(tmp_path)
    load(tmp_path)
    (tmp_path / "celeba" / "img_align_celeba.zip").unlink()
    assert len(load(tmp_path)) == TRAIN


@pytest.mark.skipif(not os.environ.get("VAELIB_DATA"), reason="VAELIB_DATA does not name a folder with CelebA")
def test_the_real_images(tmp_path):
    """A hundred of the real images go through the whole pipeline."""
    found = celeba.find(Path(os.environ["VAELIB_DATA"]))
    if found.missing:
        pytest.skip(f"CelebA's {', '.join(found.missing)} not found in VAELIB_DATA")
    some = list(found.images.paths.items())[:100]
    put(tmp_path / "celeba", {Path(name).name: found.images.source.read(name) for _, name in some}, "img_align_celeba")
    for table in (found.attributes, found.partition):
        (tmp_path / "celeba" / table.path.name).symlink_to(table.path)
    ds = data.load("celeba", root=tmp_path, progress=False)
    assert ds.images.shape[1:] == (3, 64, 64)
    assert len(ds.attribute_names) == 40
    assert {"Smiling", "Eyeglasses", "Male"} <= set(ds.attribute_names)
    assert 0.3 < ds.images.mean() / 255 < 0.6
    assert ds.images.std() / 255 > 0.2


def test_other_files_beside_the_needed_ones_are_counted(tmp_path, capsys):
    official_folder(tmp_path)
    put(tmp_path / "celeba", {"list_bbox_celeba.txt": "x", "identity_CelebA.txt": "x", "annotations.zip": "<html>"})
    put(tmp_path / "celeba", {name_of(1): jpeg(1), name_of(2): jpeg(2)}, "img_celeba")
    load(tmp_path)
    said = capsys.readouterr().err
    assert (
        "2 in another folder than the images used (celeba/img_celeba/000001.jpg, celeba/img_celeba/000002.jpg)" in said
    )
    assert "2 that are not needed (celeba/identity_CelebA.txt, celeba/list_bbox_celeba.txt)" in said
    assert "1 that cannot be opened" in said and "annotations.zip is a web page" in said


def test_without_validation_images_the_last_training_images_are_held_out(tmp_path, capsys):
    some = {name: content for name, content in all_images().items() if split_of(int(name[:6])) == "0"}
    put(tmp_path / "celeba", some, "img_align_celeba")
    put(tmp_path / "celeba", official_tables())
    train, valid = load(tmp_path), load(tmp_path, "valid")
    assert (len(train), len(valid)) == (TRAIN - TRAIN // 10, TRAIN // 10)
    expected = [[value == "1" for value in labels_of(i)] for i in range(1, TRAIN + 1)]
    assert torch.cat([train.attributes, valid.attributes]).tolist() == expected
    assert "one training image in 10 is held out for them (11 in all)" in capsys.readouterr().err
    assert "add images of that partition" in failure(tmp_path, "test")


def test_a_tar_of_the_images(tmp_path):
    import tarfile

    (tmp_path / "celeba").mkdir()
    with tarfile.open(tmp_path / "celeba" / "img_align_celeba.tar.gz", "w:gz") as archive:
        for name, content in all_images().items():
            member = tarfile.TarInfo(f"img_align_celeba/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    put(tmp_path / "celeba", official_tables())
    assert [len(load(tmp_path, split)) for split in ("train", "valid", "test")] == [TRAIN, VALID, TEST]


def test_a_later_and_larger_archive_and_a_replaced_image_are_noticed(tmp_path, capsys):
    put(tmp_path / "celeba", {name_of(i): jpeg(i) for i in range(1, 30)}, "img_align_celeba")
    put(tmp_path / "celeba", official_tables())
    assert len(load(tmp_path)) == 27
    official_zip(tmp_path)
    assert len(load(tmp_path)) == TRAIN
    assert "out of date" in capsys.readouterr().err
    load(tmp_path)
    assert "out of date" not in capsys.readouterr().err


def test_a_changed_word_of_a_table_is_noticed(tmp_path):
    official_folder(tmp_path)
    load(tmp_path)
    text = official_tables()["list_attr_celeba.txt"].replace("000001.jpg -1", "000001.jpg  1")
    put(tmp_path / "celeba", {"list_attr_celeba.txt": text})
    assert load(tmp_path).attributes[0, 0]
