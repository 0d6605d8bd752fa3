"""Pictures made of images: the place of each image in a grid, the frames of an animation, refused names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from vaelib.support import images
from vaelib.support.errors import UserError


def flat(*levels, size=8):
    """One grey image of 3 x size x size per level in [0, 1]."""
    return torch.tensor(levels).reshape(-1, 1, 1, 1).expand(-1, 3, size, size)


def frames(n):
    return [Image.new("RGB", (20, 10), (40 * i, 0, 255)) for i in range(n)]


@pytest.mark.parametrize("scale", [1, 3])
def test_each_image_has_its_place_in_the_grid(scale):
    picture = images.grid(flat(0.0, 0.2, 0.4, 0.6, 0.8), columns=3, padding=2, scale=scale)
    assert picture.mode == "RGB"
    assert picture.size == ((3 * 10 + 2) * scale, (2 * 10 + 2) * scale)
    pixels = np.array(picture)
    for i, level in enumerate((0, 51, 102, 153, 204)):
        top, left = (2 + 10 * (i // 3)) * scale, (2 + 10 * (i % 3)) * scale
        assert (pixels[top : top + 8 * scale, left : left + 8 * scale] == level).all()
        pixels[top : top + 8 * scale, left : left + 8 * scale] = 255
    assert (pixels == 255).all()  # white between them, and in the place that is left over


def test_colours_and_directions_are_kept():
    x = torch.zeros(2, 3, 8, 8)
    x[0, 0, 1, 6] = 1.0  # red, in row 1 and column 6
    pixels = np.array(images.grid(x, columns=2, padding=0))
    assert pixels[1, 6].tolist() == [255, 0, 0] and pixels.sum() == 255


def test_levels_are_rounded_and_cut_off():
    pixels = np.array(images.grid(flat(-0.5, 0.9 / 255, 1.4 / 255, 7.0), columns=4, padding=0))
    assert pixels[0, ::8, 0].tolist() == [0, 1, 1, 255]


def test_a_grid_leaves_its_images_alone():
    x = flat(0.5).clone().requires_grad_()
    images.grid(x, columns=1)
    assert torch.equal(x, flat(0.5))


def test_side_by_side_on_white():
    row = images.side_by_side([Image.new("RGB", (10, 20), "red"), Image.new("RGB", (5, 8), "blue")], gap=3)
    pixels = np.array(row)
    assert pixels.shape == (20, 18, 3)
    assert (pixels[:, :10] == [255, 0, 0]).all() and (pixels[:8, 13:] == [0, 0, 255]).all()
    assert (pixels[:, 10:13] == 255).all() and (pixels[8:, 13:] == 255).all()


def test_titles_stand_above_their_share_of_the_picture():
    picture = Image.new("RGB", (200, 30), "red")
    titled = np.array(images.titled(picture, ["", "right"], size=10))
    above = titled[:-30]
    assert (titled[-30:] == [255, 0, 0]).all() and len(above) > 10
    assert (above[:, :100] == 255).all() and above[:, 100:].min() < 128


@pytest.mark.parametrize("name", ["grid.png", "grid.PNG", "grid.webp"])
def test_a_picture_is_written_in_the_format_of_its_suffix(tmp_path, name):
    picture = images.grid(torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), columns=2)
    images.save(picture, tmp_path / name)
    with Image.open(tmp_path / name) as again:
        assert again.size == picture.size and again.format == Path(name).suffix[1:].upper()
        assert again.format != "PNG" or np.array_equal(np.array(again), np.array(picture))


@pytest.mark.parametrize("name", ["grid.xyz", "grid", "grid.psd", "grid.xbm"])  # of which Pillow reads the last two
def test_a_name_that_is_no_pictures_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name} does not end .*call it something\.png"):
        images.save(Image.new("RGB", (4, 4)), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_picture_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "grid.png").mkdir()
    with pytest.raises(UserError, match=r"grid\.png is a folder: give the picture another name"):
        images.save(Image.new("RGB", (4, 4)), tmp_path / "grid.png")


@pytest.mark.parametrize("suffix", sorted(images.FORMATS))
def test_every_format_takes_a_picture_in_colour(tmp_path, suffix):
    images.save(Image.new("RGB", (4, 4), "red"), tmp_path / f"grid{suffix}")
    assert (tmp_path / f"grid{suffix}").stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "width"), [("a.webp", 16_384), ("a.jpg", 65_536), ("a.gif", 65_536), ("a.pdf", 65_536)]
)
def test_a_picture_too_large_for_its_format_is_refused(tmp_path, name, width):
    kind = images.FORMATS[Path(name).suffix]
    with pytest.raises(
        UserError, match=rf"{name} cannot hold {width} x 2 pixels as {kind}: write a \.png, or show fewer"
    ):
        images.save(Image.new("RGB", (width, 2)), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_an_animation_too_large_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot hold 65536 x 2 pixels as GIF"):
        images.save_gif([Image.new("RGB", (65_536, 2))] * 2, tmp_path / "walk.gif")


def test_an_animation_holds_every_frame_and_its_last_one_for_a_second(tmp_path):
    images.save_gif(frames(5), tmp_path / "walk.gif", frames_per_second=10)
    with Image.open(tmp_path / "walk.gif") as gif:
        assert gif.n_frames == 5 and gif.info["loop"] == 0 and gif.size == (20, 10)
        durations, colours = [], []
        for frame in ImageSequence.Iterator(gif):
            durations.append(frame.info["duration"])
            colours.append(frame.convert("RGB").getpixel((0, 0)))
    assert durations == [100, 100, 100, 100, 1000]
    assert colours == [(40 * i, 0, 255) for i in range(5)]


def test_an_animation_of_one_frame(tmp_path):
    images.save_gif(frames(1), tmp_path / "still.gif")
    with Image.open(tmp_path / "still.gif") as gif:
        assert gif.n_frames == 1


def fail_as_full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("name", "write"),
    [("grid.png", lambda path: images.save(frames(1)[0], path)), ("walk.gif", lambda p: images.save_gif(frames(3), p))],
)
def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch, name, write):
    path = tmp_path / name
    write(path)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", fail_as_full)
    with pytest.raises(UserError, match="disk is full"):
        write(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [name]


def test_enlarging_without_smoothing_repeats_pixels():
    x = torch.rand(2, 3, 4, 5)
    large = images.enlarged(x, 3, smooth=False)
    assert torch.allclose(large, x.repeat_interleave(3, -1).repeat_interleave(3, -2), atol=0.5 / 255)


def test_enlarging_smoothly_keeps_a_ramp_a_ramp():
    ramp = torch.linspace(0.2, 0.8, 16).expand(1, 3, 16, 16)
    inner = images.enlarged(ramp, 4)[0, 0, 32, 16:-16]
    steps = inner.diff()
    assert (steps > 0).all() and steps.max() < 3 * steps.min() + 2 / 255
