"""The figures' rules: one width, legible text, images enlarged by whole factors, one colour for one thing."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("seaborn", reason="comes with the course, not with the library")

from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from notebooks.execute import execute
from vaelib.course import plotting
from vaelib.course.theme import text_colour

pytestmark = pytest.mark.usefixtures("style")


def noise(n: int, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def stored(fig) -> np.ndarray:
    """The figure's pixels as a notebook stores them."""
    fig.set_dpi(plotting.DPI)
    fig.canvas.draw()
    return np.asarray(fig.canvas.buffer_rgba())[..., :3]


def cells(fig, panel: int = 0) -> tuple[float, float]:
    """The width and height in stored pixels of a cell of a figure of images."""
    fig.set_dpi(plotting.DPI)
    ax = fig.axes[panel]
    (left, bottom), (right, top) = ax.transData.transform([(0, 1), (1, 0)])
    return right - left, top - bottom


def texts(fig) -> list[matplotlib.text.Text]:
    fig.draw_without_rendering()
    return [text for text in fig.findobj(matplotlib.text.Text) if text.get_text() and text.get_visible()]


def test_rows_show_each_pixel_as_a_whole_square():
    x = noise(7)
    picture = stored(plotting.image_rows({"faces": x}, pixels=True))
    assert picture.shape[1] == 1560
    levels = (x[6] * 255).round().byte().permute(1, 2, 0).numpy()
    enlarged = levels.repeat(6, 0).repeat(6, 1)  # 32 pixels as 192
    bottom, right = picture.shape[0] - 2, 1560 - 2  # two pixels of white around each image
    assert (picture[bottom - 192 : bottom, right - 192 : right] == enlarged).all()


@pytest.mark.parametrize("size", [32, 64])
def test_seven_images_beside_a_label_are_large_enough_to_look_at(size):
    fig = plotting.image_rows({"reconstruction": noise(7, size), "faces": noise(7, size)})
    assert cells(fig) == pytest.approx((194, 194), abs=0.01)  # 96 pixels of the screen, and one between them
    assert min(text.get_fontsize() for text in texts(fig)) >= 9


def test_few_images_stay_within_the_limit():
    assert cells(plotting.image_rows({"": noise(2, 64)}))[0] == 4 * 64 + 2  # of 300 stored pixels
    assert cells(plotting.image_rows({"": noise(2, 64)}, largest=380))[0] == 11 * 64 + 2


def test_nothing_written_beside_images_is_cut_off():
    columns = plotting.signed(np.linspace(-3, 3, 7), "σ")
    fig = plotting.image_rows({"N(0, I), decoded": noise(7), "class means": noise(3)}, columns, "A finding")
    fig.set_dpi(plotting.DPI)
    frame = fig.bbox
    boxes = [text.get_window_extent() for text in texts(fig)]
    assert len(boxes) == 2 + 7 + 1
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= frame.x1 and box.y1 <= frame.y1 for box in boxes)


def test_grids_are_side_by_side_only_while_images_stay_large():
    grids = {name: noise(12) for name in ("AE", "VAE", "mixture")}
    fig = plotting.image_grids(grids, columns=4, title="Only the VAE can sample")
    assert len(fig.axes) == 3
    assert min(cells(fig, panel)[0] for panel in range(3)) >= 190
    lefts, tops = zip(*[(ax.get_position().x0, ax.get_position().y1) for ax in fig.axes], strict=True)
    assert lefts[0] == lefts[2] < lefts[1]
    assert tops[0] == tops[1] > tops[2]
    titles = [ax.title.get_window_extent() for ax in fig.axes]
    assert not any(box.overlaps(ax.bbox) for box in titles for ax in fig.axes)


def test_a_frame_lies_around_its_image():
    fig = plotting.image_rows({"": torch.ones(4, 3, 32, 32), "below": torch.ones(4, 3, 32, 32)})
    plotting.frame(fig, 1, 2, "#d55e00")
    rows, columns = np.nonzero((stored(fig) == (0xD5, 0x5E, 0)).all(-1))
    left, top = 1560 - 2 * cells(fig)[0], fig.bbox.height - cells(fig)[1]
    assert left <= columns.min() <= left + 8 and top <= rows.min() <= top + 8
    assert columns.max() <= left + cells(fig)[0] and rows.max() <= fig.bbox.height


def history(seeds: int, kl: float = 1.0) -> pd.DataFrame:
    epochs = np.arange(1, 6)
    terms = {"train_nll": 30.0, "valid_nll": 31.0, "train_kl": kl, "valid_kl": kl}
    tables = [pd.DataFrame({"epoch": epochs, "seed": s} | {k: v + s for k, v in terms.items()}) for s in range(seeds)]
    return pd.concat(tables)


def test_curves_of_several_seeds_have_a_band():
    panels = plotting.training_curves(history(3)).axes
    assert [len(ax.lines) for ax in panels] == [2, 2]
    assert [len(ax.collections) for ax in panels] == [2, 2]
    assert panels[0].lines[0].get_ydata() == pytest.approx(np.full(5, 31.0))
    vertices = panels[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (vertices.min(), vertices.max()) == (30, 32)


def test_an_autoencoder_has_one_curve():
    single = history(1, kl=0.0)
    assert len(plotting.training_curves(single).axes) == 1


def test_labels_of_lines_that_end_together_keep_their_distance():
    fig, ax = plotting.figure()
    for i in range(3):
        ax.plot([0, 1], [0, 1 + 0.001 * i], label=f"line {i}")
    plotting.label_lines(ax)
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == ["line 0", "line 1", "line 2"]
    assert boxes[0].y1 <= boxes[1].y0 + 1 and boxes[1].y1 <= boxes[2].y0 + 1
    assert all(box.x1 <= fig.bbox.x1 for box in boxes)


def test_places_are_moved_as_little_as_needed():
    assert plotting.spread([0, 10, 30], 5) == [0, 10, 30]
    assert plotting.spread([10, 10], 4) == [8, 12]
    assert plotting.spread([9, 0, 9, 9], 3) == [6, 0, 9, 12]


@pytest.mark.parametrize("kind", ["hist", "kde", "ecdf", "boxen"])
def test_distributions_name_every_set(kind):
    rng = np.random.default_rng(0)
    values = {"prior": rng.normal(size=300), "codes": rng.normal(3, 2, 300)}
    fig = plotting.histograms(values, "norm |z|", kind=kind)
    written = {text.get_text() for text in texts(fig)}
    assert {"prior", "codes", "norm |z|"} <= written
    if kind == "boxen":
        assert {f"σ = {np.std(v, ddof=1):.3g}" for v in values.values()} <= written
    else:
        assert len(fig.legends) == 1
    assert min(text.get_fontsize() for text in texts(fig)) >= 9


def test_a_second_legend_replaces_the_first():
    fig = plotting.histograms({"prior": np.arange(9)}, "norm")
    fig.axes[0].axvline(3, label="a card")
    plotting.legend_below(fig)
    assert [[text.get_text() for text in legend.texts] for legend in fig.legends] == [["prior", "a card"]]


def test_a_heatmap_writes_its_numbers_and_may_leave_cells_out():
    _, ax = plotting.figure()
    table = pd.DataFrame([[1.0, -0.25], [-0.25, 1.0]], ["Male", "Young"], ["Male", "Young"])
    plotting.heatmap(ax, table, centre=0, mask=np.triu(np.ones((2, 2), bool), 1))
    assert [text.get_text() for text in ax.texts] == ["1.00", "−0.25", "1.00"]


def test_the_priors_rings_name_the_share_inside():
    _, ax = plotting.figure()
    plotting.prior_rings(ax)
    inside = (torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0)).norm(dim=1) < 1).float().mean()
    assert [text.get_text() for text in ax.texts] == ["39 %", "86 %", "99 %"]
    assert inside == pytest.approx(0.39, abs=0.01)


@pytest.mark.parametrize("colour", plotting.COLOURS.values())
def test_text_in_any_colour_can_be_read(colour):
    channel = np.array(text_colour(colour))
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5


def test_names_and_steps_in_words():
    assert plotting.readable("hair_length") == "Hair length"
    assert plotting.signed([-2, 0, 1.5], "σ") == ["−2σ", "0", "+1.5σ"]


def test_a_notebook_shows_two_pixels_for_each_of_the_screen(tmp_path):
    code = (
        "from matplotlib import pyplot as plt\nfrom vaelib.course import plotting\nplotting.use_style()",
        "fig, ax = plotting.figure(2)\nax.plot([1, 2], label='a line')\nplotting.label_lines(ax)\nplt.show()",
    )
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in code])
    execute(notebook, tmp_path)
    (output,) = notebook.cells[1].outputs
    assert Image.open(BytesIO(b64decode(output.data["image/png"]))).size == (1560, 400)
    assert output.metadata["image/png"] == {"width": 780, "height": 200}
    assert notebook.cells[0].outputs == []
