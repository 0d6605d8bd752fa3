"""No pickle is loaded anywhere: none by any line of the project, and none from a file that could hold one."""

from __future__ import annotations

import ast
import json
import pickle
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.images import put
from vaelib import data, models, priors, runs
from vaelib.runs import checkpoints, classifier, refine, statistics
from vaelib.sharpening import Sharpener, bands
from vaelib.support.errors import UserError

ROOT = Path(__file__).parents[1]
FOLDERS = ("vaelib", "pages", "release", "benchmarks", "notebooks", "book")
LOADERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}


def codes() -> Iterator[tuple[str, str]]:
    """Every Python file and every cell of code, but for the tests."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                yield path.name, re.sub(r"^(\s*)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.MULTILINE)


def loads(code: str) -> Iterator[str]:
    """The places in some code that could load a pickle."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            yield from (name for name in names if name.split(".")[0] in LOADERS)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: getattr(word.value, "value", "unknown") for word in node.keywords}
            if called.endswith("torch.load") and given.get("weights_only") is not True:
                yield called
            if called.endswith("read_pickle") or given.get("allow_pickle", False) is not False:
                yield called


def test_no_line_loads_a_pickle() -> None:
    found = list(codes())
    assert len(found) > 300
    assert [(name, place) for name, code in found for place in loads(code)] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
    ],
)
def test_such_lines_are_found(code: str) -> None:
    assert len(list(loads(code))) == 1


class Bomb:
    """Would call a function if it were unpickled."""

    def __reduce__(self):
        return print, ("opened",)


CLASSES: list[str] = []  # of the classes and functions that an unpickler has asked for


def watch(event: str, arguments: tuple) -> None:
    if event == "pickle.find_class":
        CLASSES.append(str(arguments))


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """What pickles that are opened ask for."""
    if watch not in HOOKED:
        sys.addaudithook(watch)
        HOOKED.append(watch)
    CLASSES.clear()
    yield CLASSES
    CLASSES.clear()


HOOKED: list[object] = []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every part that can be read."""
    run = runs.Run(tmp_path_factory.mktemp("runs") / "run")
    run.folder.mkdir()
    torch.manual_seed(0)
    model, mu = models.VAE(32, 3, (4, 8)), torch.randn(100, 3)
    run.write_model(model)
    sharpener = Sharpener()
    sharpener.gains = torch.ones(bands(32))
    fitted = {"gaussian": priors.Gaussian().fit(mu), "gmm": priors.GaussianMixture(2).fit(mu)}
    run.write_statistics(statistics.Statistics(fitted, 0.1, sharpener=sharpener))
    run.write_codes(statistics.Codes(mu))
    return run.folder


def read_all(run: runs.Run) -> Iterator[str]:
    """Read every part of a run; what cannot be read says why."""
    parts = [lambda name=name: getattr(run, name) for name in ("model", "statistics", "codes", "detail", "experiment")]
    parts += [lambda name=name: getattr(run, name) for name in ("metrics", "history")]
    parts += [lambda: checkpoints.epochs_in(run.path(runs.RESUME))]
    parts += [lambda: refine._resume(run.path("detail-resume.safetensors"), None, 1)]
    parts += [lambda: classifier.load(run.folder)]
    for part in parts:
        try:
            part()
        except UserError as error:
            yield str(error)


PARTS = ["model", "statistics", "codes", "detail", "resume", "detail-resume"]
NAMES = [*(f"{part}.safetensors" for part in PARTS), "config.toml", "metrics.json", "history.csv"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [pickle.dump, torch.save], ids=["pickle", "torch"])
def test_a_pickle_in_place_of_a_part_of_a_run_is_not_opened(whole, tmp_path, opened, name, write) -> None:
    folder = shutil.copytree(whole, tmp_path / "run")
    with (folder / name).open("wb") as file:
        write({"weight": Bomb()}, file)
    messages = list(read_all(runs.Run(folder)))
    assert any(name in message for message in messages)
    assert opened == []


@pytest.mark.parametrize("name", ["images.npy", "attributes.npy", "index.json"])
def test_a_pickle_in_a_prepared_cache_is_not_opened(tmp_path, opened, capsys, name) -> None:
    put(tmp_path / "set", *(f"{kind}/{i}.png" for kind in ("cats", "dogs") for i in range(10)))
    path = data.prepare(tmp_path / "set", 32, tmp_path, progress=False) / name
    if name == "index.json":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        shape = np.load(path).shape
        np.save(path, np.full(shape, Bomb(), dtype=object), allow_pickle=True)
        index = json.loads(path.with_name("index.json").read_text())
        index["bytes"][name] = path.stat().st_size
        path.with_name("index.json").write_text(json.dumps(index))
    assert len(data.load(tmp_path / "set", 32, root=tmp_path, progress=False)) == 18
    assert opened == [] and "opened" not in capsys.readouterr().out


def test_a_pickle_in_place_of_a_dataset_is_not_opened(tmp_path, opened) -> None:
    (tmp_path / "set.zip").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="not a complete zip or tar"):
        data.load(tmp_path / "set.zip", 32, root=tmp_path, progress=False)
    torch.save(Bomb(), tmp_path / "set.zip")  # a zip that holds a pickle
    with pytest.raises(UserError, match="no image"):
        data.load(tmp_path / "set.zip", 32, root=tmp_path, progress=False)
    assert opened == []


def test_an_opened_pickle_would_be_noticed(opened, capsys) -> None:
    pickle.loads(pickle.dumps(Bomb()))
    assert opened and capsys.readouterr().out == "opened\n"
