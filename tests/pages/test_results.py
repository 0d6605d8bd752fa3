"""The page of results agrees with the records, lists the missing ones, and claims nothing that they do not show."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages import benchmarks, edits, four_ways, markdown, models, rate_distortion, results
from pages.records import RunRecord, Sources, read_sources
from vaelib.runs import experiments
from vaelib.support.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return read_sources(results.SHIPPED, results.RECORDED)


@pytest.fixture(scope="module")
def made(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page has been written again."""
    folder = tmp_path_factory.mktemp("book")
    results.write(sources, folder / "results.md", folder / "pictures")
    return folder


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of all records, without the weights."""
    folder = tmp_path / "shipped"
    shutil.copytree(results.SHIPPED, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    return folder


def directives(kind: str) -> list[str]:
    """The text of every figure or table of the page."""
    return re.findall(rf"^:::{{{kind}}} .*?^:::$", results.PAGE.read_text(), re.MULTILINE | re.DOTALL)


def one_space(text: str) -> str:
    """The text with one space where a table has several to align its columns."""
    return re.sub(" +", " ", text)


def change(path: Path, edit: Callable[[dict], object]) -> None:
    """Edit a JSON file in place."""
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))


# The page as it is


def test_the_page_is_what_the_records_make(made: Path):
    assert results.PAGE.read_text() == (made / "results.md").read_text(), "run `make results`"


def test_the_pictures_are_what_the_records_make(made: Path):
    """Small differences are allowed, because versions of Matplotlib draw letters differently."""
    drawn, stored = sorted((made / "pictures").iterdir()), sorted(results.PICTURES.iterdir())
    assert [path.name for path in drawn] == [path.name for path in stored], "run `make results`"
    for new, old in zip(drawn, stored, strict=True):
        pixels = [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (new, old)]
        assert pixels[0].shape == pixels[1].shape and np.abs(pixels[0] - pixels[1]).mean() < 1, "run `make results`"


def test_every_figure_has_a_picture_a_name_an_alternative_text_and_a_caption():
    figures = directives("figure")
    assert len(figures) > 3
    for figure in figures:
        picture, name, alt, *_, caption, end = figure.splitlines()
        assert (markdown.BOOK / picture.removeprefix(":::{figure} ")).is_file() and end == ":::"
        assert name.startswith(":name: fig-results-") and len(alt) > 40 and len(caption) > 40
        assert re.search(r"`(vaelib|python) ", caption), caption


def test_every_table_has_a_name_and_a_caption_that_says_how_to_repeat_it():
    tables = directives("table")
    assert len(tables) > 5
    for table in tables:
        caption, name, *_ = table.splitlines()
        assert "Repeat" in caption or "an earlier form of" in caption
        assert name.startswith(":name: tab-results-")


def test_no_name_is_given_twice():
    names = re.findall(r"^:name: (.+)$|^\((.+)\)=$", results.PAGE.read_text(), re.MULTILINE)
    assert len(names) == len(set(names))


def test_tables_have_at_most_three_significant_digits():
    """Seeds, strengths, counts and settings are in captions and first columns."""
    for table in directives("table"):
        for row in re.findall(r"^\| (?!:?-)(.*) \|$", table, re.MULTILINE):
            cells = [cell.strip() for cell in row.split("|")[1:]]
            for value in re.findall(r"(?<![\w./])\d[\d,]*(?:\.\d+)?(?![\w/])", " ".join(cells)):
                assert len(value.replace(",", "").replace(".", "").strip("0")) <= 3, (value, row)


# Numbers


def test_numbers_have_three_digits_and_no_exponent():
    written = {0.67034: "0.670", 118.04: "118", 99.96: "100", -15488.6: "−15,500", 0: "0", 0.0045: "0.00450", None: ""}
    assert {value: markdown.number(value) for value in written} == written
    assert markdown.number(float("nan")) == ""


def test_percentages_are_those_of_the_cards():
    shares = (0.2545, 0.4455, 0.5435, 0.925, 1.0, 0.0997, 0.0)
    assert [markdown.percent(share) for share in shares] == [f"{100 * float(f'{s:.3g}'):g} %" for s in shares]
    assert markdown.percent(0.2545) == "25.5 %" and markdown.percent(None) == ""


def test_a_value_with_its_error_has_the_digits_that_the_error_allows():
    assert markdown.with_error(183.2, 2.04) == "183\u00a0±\u00a02"
    assert markdown.with_error(-0.0123, 0.001, 1000) == "−12.3\u00a0±\u00a01.0"
    assert markdown.with_error(183.24, None) == "183" and markdown.with_error(None, None) == ""
    assert markdown.percent_with_error(0.2545, 0.012) == "25.4\u00a0±\u00a01.2\u00a0%"
    assert markdown.percent_with_error(0.2545, None) == "25.5 %" and markdown.percent_with_error(None, 0.1) == ""


# The sample of CelebA


def listed(name: str) -> list[tuple[str, str]]:
    """The images of a list, each with its split."""
    header, *rows = (results.RECORDED / name).read_text().splitlines()
    assert header == "image,split"
    return [tuple(row.split(",")) for row in rows]


def test_the_samples_list_as_many_images_as_the_runs_saw(sources: Sources):
    sample, more = listed("celeba-sample.csv"), listed("celeba-sample-more.csv")
    images = [image for image, _ in sample + more]
    assert all(re.fullmatch(r"\d{6}", image) for image in images) and len(images) == len(set(images))
    splits = [split for _, split in sample]
    assert (splits.count("train"), splits.count("valid")) == (22_000, 2_000)
    assert {split for _, split in more} == {"train"}
    for run in sources.of("celeba"):
        train_images = 22_000 + (len(more) if run.name == "celeba128" else 0)
        assert (run.training["train_images"], run.evaluation["images"]) == (train_images, 2_000)


# Claims


def with_distance(run: RunRecord, images: str, features: str, value: float) -> RunRecord:
    evaluation = json.loads(json.dumps(run.evaluation))
    evaluation["frechet"][features][images] = value
    return replace(run, evaluation=evaluation)


def test_the_finding_is_stated_where_the_records_show_it(sources: Sources):
    ae, vae = sources.run("celeba64-ae"), sources.run("celeba64")
    assert four_ways.four_ways_finding(ae, vae, ["attributes"]).startswith("**The same holds here.**")


@pytest.mark.parametrize("images", ["samples, normal", "samples, gmm"])
def test_the_finding_is_not_stated_where_they_do_not(sources: Sources, images: str):
    ae, vae = sources.run("celeba64-ae"), sources.run("celeba64")
    other = with_distance(ae, images, "attributes", vae.distance("attributes", "samples, normal"))
    said = four_ways.four_ways_finding(other, vae, ["attributes"])
    assert said.startswith("**These records do not show that.**") and "same" not in said


def test_runs_that_were_measured_differently_are_compared_only_where_that_makes_no_difference(sources: Sources):
    vae = sources.run("celeba64")
    old = replace(vae, evaluation={key: value for key, value in vae.evaluation.items() if key != "compared"})
    gmm = "samples, gmm"
    assert four_ways.comparable(vae, vae, "pixels", gmm) and four_ways.comparable(old, old, "pixels", gmm)
    assert four_ways.comparable(old, vae, "attributes", gmm)  # training images are at 4 % of that distance
    assert not four_ways.comparable(old, vae, "pixels", gmm)  # and here at 100 %
    assert not four_ways.comparable(vae, vae, "inception", gmm)
    table = one_space(four_ways.four_ways_table(old, vae, ["attributes"]))
    assert "different numbers of images" in table and "reconstructions |" not in table


def test_earlier_measurements_are_in_tables_of_their_own(sources: Sources):
    vae = sources.run("celeba64")
    old = replace(vae, evaluation={key: value for key, value in vae.evaluation.items() if key != "compared"})
    said, *tables = models.earlier_tables([old], "celeba")
    assert "`celeba64` has not been measured with errors" in said and "Do not set them beside" in said
    assert all("without errors" in table and "reconstructions" not in table for table in tables)
    assert ":name: tab-results-celeba-earlier-attributes" in tables[0]


def test_a_curve_that_rises_is_not_said_to_fall(sources: Sources):
    sweep = [sources.run(name) for name in ("celeba64-common-recipe", "celeba64-beta-0.1")]
    assert "the error falls from" in rate_distortion.rate_finding(sweep)
    worse = replace(sweep[1], evaluation=sweep[1].evaluation | {"nll": 0.0})
    assert "does not fall" in rate_distortion.rate_finding([sweep[0], worse])


def test_the_error_of_a_draw_is_the_one_in_the_nll(sources: Sources):
    run = sources.run("celeba64")
    sigma, mse, values = run.evaluation["sigma"], 0.004, 3 * 64 * 64
    nll = values * (mse / (2 * sigma**2) + np.log(2 * np.pi * sigma**2) / 2)
    same = replace(run, evaluation=run.evaluation | {"nll": nll})
    assert rate_distortion.expected_error(same) == pytest.approx(mse)


def test_the_best_edit_leaks_little():
    edit = {"strengths": [1, 2, 3], "success": [0.5, 0.8, 0.9], "leakage": [0.05, 0.09, 0.1]}
    edit["most_changed"] = [{"attribute": name, "change": 0.25} for name in "abc"]
    best = edits.best_edit(edit)
    assert best == {"most": "b (0.250)", "strength": "2", "success": "80 %", "leakage": "0.0900"}
    assert edits.best_edit(edit | {"leakage": [0.1, 0.2, 0.3]}) is None
    errors = {"success_error": [0.02] * 3, "leakage_error": [0.001] * 3}
    assert edits.best_edit(edit | errors)["success"].replace("\u00a0", " ") == "80 ± 2 %"
    assert edits.best_edit(edit | errors)["leakage"].replace("\u00a0", " ") == "0.0900 ± 0.0010"


# Commands


def test_the_command_trains_with_the_settings_of_the_record(sources: Sources):
    for run in sources.runs:
        command = run.command.split()
        assert command[:3] == ["vaelib", "train", run.name]
        again = experiments.load(run.name, [part.strip("'") for part in command[4::2]])
        assert replace(again, about="") == replace(run.experiment, about="")


def test_a_run_without_weights_is_called_by_its_folder(shipped: Path, sources: Sources):
    assert sources.run("celeba64").place == "celeba64"
    assert read_sources(shipped, shipped).run("celeba64").place == "runs/celeba64"


# Records that are missing, in another form, or damaged


def test_without_any_record_the_page_lists_what_is_missing(tmp_path: Path):
    results.write(read_sources(tmp_path, tmp_path), tmp_path / "results.md", tmp_path / "pictures")
    page = (tmp_path / "results.md").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What is not here"]
    for sentence in ("No run of `celeba64` is recorded.", "No ablation is recorded.", "No throughput is recorded."):
        assert f"- {sentence}" in page


def test_a_run_that_was_measured_before_there_were_errors_has_no_distances(shipped: Path, tmp_path: Path):
    def before(record: dict) -> None:
        for key in ("compared", "splits"):
            record["evaluation"].pop(key, None)

    change(shipped / "celeba64" / "metrics.json", before)
    results.write(read_sources(shipped, tmp_path), tmp_path / "results.md", tmp_path / "pictures")
    page = (tmp_path / "results.md").read_text()
    assert "- `celeba64` has not been measured with errors, with reconstructions of other images" in page
    assert "`celeba64` " in page.partition("tab-results-celeba-earlier-attributes")[2].partition(":::")[0]
    coding, distances = (
        re.search(rf"^:name: tab-results-celeba-{name}$.*?^:::$", page, re.MULTILINE | re.DOTALL).group()
        for name in ("coding", "attributes")
    )
    assert "| `celeba64` " in coding and "| `celeba64` " not in distances


def test_every_comparison_of_models_has_errors():
    """In the tables of runs that were measured with errors; an autoencoder has no likelihood."""
    for table in directives("table"):
        name = re.search(":name: tab-results-(.*)", table).group(1)
        if "earlier" not in name and re.search("(attributes|pixels|imagenet|variety|sharpened|networks)$", name):
            for row in re.findall(r"^\| (?!:?-)(.*) \|$", table, re.MULTILINE)[1:]:
                values = [cell for cell in row.split("|") if re.fullmatch(r"[−\d.,\s]+%?", cell.strip())]
                assert not [cell for cell in values if cell.strip()], row


def test_a_run_that_was_not_evaluated_is_shown_without_metrics(shipped: Path, tmp_path: Path):
    change(shipped / "celeba64" / "metrics.json", lambda record: record.pop("evaluation"))
    change(shipped / "cifar10" / "metrics.json", lambda record: record["evaluation"].update(features="pixels"))
    results.write(read_sources(shipped, tmp_path), tmp_path / "results.md", tmp_path / "pictures")
    page = (tmp_path / "results.md").read_text()
    for name in ("celeba64", "cifar10"):
        assert f"- The evaluation of `{name}` is not recorded: give `vaelib evaluate {name}`." in page
        assert f"[`{name}`](gallery-{name})" in page and f"| `{name}` |" not in one_space(page)
    assert "## Four ways to sample" not in page and "## In brief" not in page


def test_stale_pictures_are_removed(sources: Sources, tmp_path: Path):
    (tmp_path / "old-curves.png").touch()
    results.write(replace(sources, runs=[], classifier=None), tmp_path / "results.md", tmp_path)
    assert not (tmp_path / "old-curves.png").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metrics.json", '{"training": {', "is not valid JSON"),
        ("metrics.json", "{}", "does not say training"),
        ("metrics.json", '{"training": {"epochs": 1}}', "does not say train_images, seconds"),
        ("history.csv", "", "cannot be read"),
        ("history.csv", "epoch,train_nll\n1,2\n", "does not say valid_nll"),
        ("config.toml", "size = ", "is not valid TOML"),
    ],
)
def test_a_damaged_record_is_named(shipped: Path, name: str, text: str, said: str):
    (shipped / "celeba64" / name).write_text(text)
    with pytest.raises(UserError, match=said):
        read_sources(shipped, shipped)


def test_a_lost_picture_is_named(shipped: Path):
    (shipped / "cifar10" / "samples.webp").unlink()
    with pytest.raises(UserError, match=r"cifar10 lacks samples\.webp: restore the file"):
        read_sources(shipped, shipped)


def test_the_script_ends_in_one_sentence_and_leaves_the_page(shipped: Path, tmp_path: Path):
    (shipped / "celeba64" / "metrics.json").unlink()
    (tmp_path / "results.md").write_text("as it was")
    code = "from pathlib import Path; from pages import results\n"
    code += f"results.SHIPPED, results.PAGE = Path({str(shipped)!r}), Path({str(tmp_path / 'results.md')!r})\n"
    finished = subprocess.run([sys.executable, "-c", code + "results.main()"], capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("results: ") and "metrics.json does not say training" in finished.stderr
    assert (tmp_path / "results.md").read_text() == "as it was"


# Records of other benchmarks


THROUGHPUT = {
    "experiment": "celeba64",
    "overrides": ["precision=float32"],
    "dataset": "celeba",
    "batch_size": 128,
    "images_a_round": 2560,
    "rounds": 5,
    "contenders": {
        "vaelib": {"images_per_second": 1234.5, "precision": "bfloat16", "peak_memory_bytes": None},
        "pythae": {
            "images_per_second": 617.0,
            "precision": "float32",
            "peak_memory_bytes": 1.5e9,
            "ratio_of_vaelib": {"min": 1.9, "median": 2.0, "max": 2.123},
            "share_of_matrix_product": 0.4567,
            "share_of_copy": 0.1,
        },
    },
    "hardware": {"device": "2 threads of a CPU", "processor": "Abacus"},
    "versions": {"torch": "9.8"},
}


def test_throughput_is_a_table_with_its_command():
    table = one_space(benchmarks.throughput_table("throughput-cpu", THROUGHPUT))
    assert "| vaelib | 1,230 | | | bfloat16 | | |" in table
    assert "| pythae | 617 | 2 (1.9–2.12) | 1,500 | float32 | 45.7 % | 10 % |" in table
    assert "2 threads of a CPU (Abacus); torch 9.8" in table
    assert "`python -m benchmarks.throughput --experiment celeba64 --dataset celeba --rounds 5 --batches 20" in table
    assert "--batches 20 --set precision=float32`" in table


def measured_before(device: str, median: float, **record: object) -> dict:
    """A record of an earlier form of the benchmark, with little more than the speed of vaelib and of a plain loop."""
    loop = {"images_per_second": 634, "ratio_of_vaelib": {"min": 1.72, "median": median, "max": 2.16}}
    return {
        "experiment": "celeba64",
        "dataset": "celeba",
        "rounds": 7,
        "contenders": {"vaelib": {"images_per_second": 1203}, "images in memory": loop},
        "hardware": {"device": device},
        "versions": {},
    } | record


def test_a_short_record_of_throughput_is_shown():
    record = measured_before("an abacus", 1.91, origin="Measured by an earlier form of `benchmarks/throughput.py`.")
    table = one_space(benchmarks.throughput_table("throughput-cpu", record))
    assert "| images in memory | 634 | 1.91 (1.72–2.16) |" in table and "rounds; an abacus. Measured" in table
    assert "Measured by an earlier form of `benchmarks/throughput.py`." in table and "Repeat it" not in table
    assert "peak MB" not in table and "precision" not in table


def test_a_gpu_on_which_vaelib_is_not_faster_is_named():
    slower, faster = (measured_before("NVIDIA X1", median) for median in (0.9, 1.1))
    (said,) = benchmarks.gains_nothing({"a": slower, "b": THROUGHPUT})
    assert said.startswith("On the X1 vaelib gains nothing over *images in memory*")
    assert benchmarks.gains_nothing({"a": slower, "b": faster}) == []
    assert benchmarks.gains_nothing({"a": measured_before("1 thread of a CPU", 0.9)}) == []


def run_of(variant: str, seed: int, distance: float, **more: object) -> dict:
    """A run in the form of benchmarks/ablation.py and benchmarks/pythae_quality.py."""
    training = {
        "epochs": 3,
        "train_images": 22000,
        "hardware": "an abacus",
        "seconds": 90.0,
        "versions": {"torch": "9.8"},
    }
    quality = {"dataset": "celeba", "split": "valid", "crop": "the centre", "size": 64, "images": 2000, "samples": 2000}
    quality |= {"seed": 0, "psnr": 23.456, "best_prior": "gmm"}
    distances = {"training images": 0.5, "reconstructions": 30.0, "samples, normal": 60.0, "samples, gmm": distance}
    described = {
        "variant": variant,
        "seed": seed,
        "about": f"what {variant} is",
        "settings": {"epochs": 3, "seed": seed},
    }
    quality |= {"frechet": distances, "sharpened": {"frechet": {"samples, gmm": distance / 4}, "best_prior": "gmm"}}
    return described | {"training": training, "quality": quality} | more


def test_the_ablation_is_a_table_of_means_over_seeds():
    runs = [run_of("recipe", 0, 40.0), run_of("recipe", 1, 41.0), run_of("no flips", 0, 50.0)]
    runs[0]["settings"]["ema"] = runs[1]["settings"]["ema"] = 0.5
    for run, kl in zip(runs, (100, 200, 300), strict=True):
        run["quality"] |= {"kl": kl, "bits_per_dim": 6.0}
    runs.append(run_of("autoencoder", 0, 44.0))
    *_, about, shown = map(one_space, benchmarks.ablation({"runs": runs}))
    assert "- *no flips*: what no flips is." in about
    shown = shown.replace("\u00a0", " ")
    assert "| recipe | 2 | 23.5 ± 0 | 150 ± 50 | 6.00 ± 0 | 60.0 ± 0 | 40.5 ± 0.5 |" in shown
    assert "| autoencoder | 1 | 23.5 | – | – | 60.0 | 44.0 |" in shown and "a row of one seed has no ±" in shown
    assert "`python -m benchmarks.ablation --epochs 3 --seeds 0 1 --set ema=0.5`" in shown
    assert "3 epochs of 22,000 images on an abacus, torch 9.8, seeds 0, 1, 6.00 min of training together" in shown


def test_runs_of_different_length_are_in_different_tables():
    longer = run_of("recipe", 0, 30.0)
    longer["training"]["epochs"] = 80
    first, second = benchmarks.ablation({"runs": [run_of("recipe", 0, 40.0), longer]})[-2:]
    assert ":name: tab-results-ablation\n" in first and ":name: tab-results-ablation-2\n" in second
    assert "40.0 |" in first and "30.0 |" in second and "--epochs 80" in second


def test_pythae_is_shown_where_it_is_recorded(sources: Sources, tmp_path: Path):
    ratio = {"reconstructions": 0.6, "samples, best prior": 0.5}
    ratio |= {"samples, both sharpened": 0.4}
    ours, theirs = run_of("vaelib", 0, 40.0), run_of("pythae", 0, 80.0, ratio=ratio)
    for run, far in ((ours, 210.0), (theirs, 300.0)):
        seen = {"samples, normal": 400.0, "samples, gmm": far}
        run["quality"]["imagenet"] = {"frechet": seen, "frechet_error": dict.fromkeys(seen, 2.0)}
        run["quality"]["frechet_error"] = dict.fromkeys(run["quality"]["frechet"], 0.5)
    (tmp_path / "pythae-quality.json").write_text(json.dumps({"runs": [ours, theirs]}))
    read = replace(read_sources(tmp_path, tmp_path), runs=sources.runs)
    assert not any("pythae" in line for line in read.missing)
    results.write(read, tmp_path / "results.md", tmp_path / "pictures")
    page = one_space((tmp_path / "results.md").read_text())
    page = page.replace("\u00a0", " ")
    assert "| pythae | 23.5 | 60.0 ± 0.5 | 80.0 ± 0.5 | 0.500 | 400 ± 2 | 300 ± 2 | 0.700 |" in page
    assert "Trained for 3 epochs, as long as *pythae*, the recipe gives samples that are 0.500 times" in page
    assert "and 0.700 times in those of the ImageNet network" in page
    section = page.partition("## Beside pythae")[2].partition("##")[0]
    assert "errors are those of the images alone" in section and "harpened" not in section
    assert "`python -m benchmarks.pythae_quality --epochs 3 --seed 0`" in page


def test_a_benchmark_of_an_unknown_form_is_refused(tmp_path: Path):
    (tmp_path / "ablation.json").write_text('{"rows": []}')
    with pytest.raises(UserError, match=r"ablation\.json does not say runs"):
        read_sources(tmp_path, tmp_path)
