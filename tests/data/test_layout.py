"""What sub-folders mean: splits under many names, classes, and stray files that change neither."""

import pytest

from tests.data.images import lengths, load, put, tarred, zipped
from vaelib.data.layout import layout
from vaelib.data.splits import split_named
from vaelib.data.unused import Unused

PETS = [f"{animal}/{i}.png" for animal in ("cat", "dog") for i in range(10)]


def laid_out(names: list[str]) -> tuple[dict[str, list[str]], list[str], dict[str, int], str]:
    """Splits, classes, what was not used by cause, and all notes."""
    unused = Unused()
    found = layout(names, unused)
    return found.splits, found.classes, unused.counts, " ".join(found.notes)


@pytest.mark.parametrize("name", ["train", "Training", "TRAIN", "train_set", "train2017", "train-images", "seg_train"])
def test_names_of_training_folders(name):
    assert split_named(name) == "train"


@pytest.mark.parametrize("name", ["val", "Valid", "validation", "dev", "val2017", "DEV_SET"])
def test_names_of_validation_folders(name):
    assert split_named(name) == "valid"


@pytest.mark.parametrize("name", ["test", "Testing", "test_set", "test-images"])
def test_names_of_test_folders(name):
    assert split_named(name) == "test"


@pytest.mark.parametrize("name", ["trains", "retrain", "contest", "value", "device", "testimony", "train_station"])
def test_other_names_are_no_splits(name):
    assert split_named(name) is None


@pytest.mark.parametrize("around", ["", "photos/", "photos/version 2/"])
def test_splits_and_classes_survive_a_stray_picture(around):
    names = [f"{around}{split}/{name}" for split in ("train", "dev", "Test") for name in PETS]
    splits, classes, unused, _ = laid_out([*names, "cover.png"])
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [20, 20, 20]
    assert classes == ["cat", "dog"]
    assert unused == {"outside the folders of the splits": 1}


@pytest.mark.parametrize("stray", ["cover.png", "photos/cover.png"])
def test_classes_survive_a_stray_picture_above_them(stray):
    splits, classes, unused, _ = laid_out([*(f"photos/{name}" for name in PETS), stray])
    assert sum(map(len, splits.values())) == 20 and classes == ["cat", "dog"]
    assert unused == {"outside the class folders": 1}


def test_a_stray_picture_in_a_split_with_classes_is_left_out():
    names = [f"train/{name}" for name in PETS] + [f"valid/{name}" for name in PETS]
    splits, classes, unused, _ = laid_out([*names, "train/contact sheet.png"])
    assert classes == ["cat", "dog"] and unused == {"outside the class folders": 1}
    assert len(splits["train"]) == 20


def test_splits_inside_classes():
    names = [f"{animal}/{split}/{i}.png" for animal in ("cat", "dog") for split in ("train", "test") for i in range(5)]
    splits, classes, unused, _ = laid_out(names)
    assert classes == ["cat", "dog"] and unused == {}
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [9, 1, 10]


def test_a_split_without_labels_is_used_and_the_others_keep_theirs(tmp_path, capsys):
    put(tmp_path / "pets", *(f"train/{name}" for name in PETS), *(f"val/{name}" for name in PETS))
    put(tmp_path / "pets", *(f"test/{i}.png" for i in range(4)))
    assert load(tmp_path / "pets").attributes.sum(dim=1).tolist() == [1] * 20
    test = load(tmp_path / "pets", "test")
    assert len(test) == 4 and test.attribute_names == ["cat", "dog"] and not test.attributes.any()
    assert "The 4 test images have no class" in capsys.readouterr().err


def test_many_pictures_outside_the_folders_mean_that_there_are_no_classes():
    names = [*PETS, *(f"{i}.png" for i in range(10))]
    splits, classes, unused, notes = laid_out(names)
    assert (classes, unused, sum(map(len, splits.values()))) == ([], {}, 30)
    assert "not taken for classes, because 10 of 30 images lie in none of them" in notes


def test_a_class_may_be_called_train():
    """As in CIFAR-100 and many sets of vehicles."""
    splits, classes, unused, _ = laid_out([f"{name}/{i}.png" for name in ("bus", "car", "train") for i in range(10)])
    assert classes == ["bus", "car", "train"] and unused == {} and len(splits["train"]) == 28


def test_unlabelled_pictures_beside_splits_are_counted_however_many():
    names = [f"{split}/{i}.png" for split in ("train", "test") for i in range(10)]
    splits, _, unused, _ = laid_out(names + [f"unlabeled/{i}.png" for i in range(100)])
    assert unused == {"outside the folders of the splits": 100}
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [9, 1, 10]


def test_without_a_training_folder_all_pictures_are_divided():
    splits, classes, unused, _ = laid_out([f"{split}/{name}" for split in ("val", "test") for name in PETS])
    assert (classes, unused) == (["cat", "dog"], {})
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [36, 2, 2]


@pytest.mark.parametrize(
    ("train", "held_out"),
    [(1, 0), (2, 1), (9, 1), (10, 1), (25, 2), (200, 20)],
)
def test_a_tenth_of_train_is_held_out_where_there_is_no_validation(train, held_out):
    splits, _, _, notes = laid_out([f"train/{i}.png" for i in range(train)] + ["test/a.png"])
    assert [len(splits[split]) for split in ("train", "valid", "test")] == [train - held_out, held_out, 1]
    assert ("one training image in 10 is held out" in notes) == bool(held_out)


def test_what_is_held_out_is_the_same_on_every_machine_and_has_every_class():
    names = [f"train/{animal}/{i}.png" for animal in ("cat", "dog") for i in range(100)]
    splits, _, _, _ = laid_out(names)
    again, _, _, _ = laid_out(names[::-1])
    assert splits["valid"] == again["valid"] and set(splits["valid"]).isdisjoint(splits["train"])
    assert {name.split("/")[1] for name in splits["valid"]} == {"cat", "dog"}


def test_given_validation_images_are_left_as_they_are():
    splits, _, _, notes = laid_out(["train/1.png", "train/2.png", "valid/3.png"])
    assert (splits["valid"], notes) == (["valid/3.png"], "")


def test_archives_are_laid_out_as_folders_are(tmp_path):
    names = [f"Photos/Training/{name}" for name in PETS] + [f"Photos/Testing/{name}" for name in PETS]
    put(tmp_path / "folder", *names)
    zipped(tmp_path / "a.zip", names)
    zipped(tmp_path / "windows.zip", [name.replace("/", "\\") for name in names])
    tarred(tmp_path / "a.tar", [f"./{name}" for name in names])
    for name in ("folder", "a.zip", "windows.zip", "a.tar"):
        assert lengths(tmp_path / name) == [18, 2, 20], name
        assert load(tmp_path / name).attribute_names == ["cat", "dog"], name
        assert (load(tmp_path / name).images == load(tmp_path / "folder").images).all(), name
