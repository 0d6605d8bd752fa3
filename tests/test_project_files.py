"""The files around the course: those that CONTRIBUTING names exist, and those for other programs are well formed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import vaelib

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
COMMENT = re.compile(r"#.*")
PATH = re.compile(r"\.?[\w*-][\w.*-]*(?:/[\w.*-]+)*/?")
FILE = re.compile(r"\w[\w.-]*\.(?:bib|cff|ipynb|json|md|py|sh|toml|txt|ya?ml)|Makefile|LICENSE|\.gitignore")
PLACEHOLDER = re.compile(r"NAME|NN")  # stands for any name, or for any chapter's number
MADE = (".venv", "_build", "packed", "runs")  # by commands, and in no fresh checkout


def code() -> list[str]:
    """What stands in backticks: each inline span, and each line of a block for the shell, without its comment."""
    lines = [line for language, block in BLOCK.findall(CONTRIBUTING) if language == "sh" for line in block.splitlines()]
    return INLINE.findall(BLOCK.sub("", CONTRIBUTING)) + [COMMENT.sub("", line) for line in lines]


def targets_named() -> set[str]:
    """Each X of a command `make X`."""
    return {target for text in code() for target in re.findall(r"\bmake ([a-z]+)", text)}


def paths_named() -> set[str]:
    """Each word that is a path of the project, and the file of each `python -m module`."""
    modules = {name for text in code() for name in re.findall(r"\bpython -m ([\w.]+)", text)}
    words = {word for text in code() for word in text.split()}
    paths = {word for word in words if PATH.fullmatch(word) and ("/" in word or FILE.fullmatch(word))}
    paths |= {name.replace(".", "/") + ".py" for name in modules}
    return {path for path in paths if path.partition("/")[0] not in MADE}


def exists(path: str) -> bool:
    """Whether the path, or a match of its pattern, exists; it must be a folder if it ends in a slash."""
    found = list(ROOT.glob(PLACEHOLDER.sub("*", path).rstrip("/")))
    return any(place.is_dir() for place in found) if path.endswith("/") else bool(found)


def text_and_yaml(name: str) -> tuple[str, dict]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return text, yaml.safe_load(text)


@pytest.mark.parametrize("target", sorted(targets_named()))
def test_a_target_that_contributing_names_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(paths_named()))
def test_a_path_that_contributing_names_is_there(path: str) -> None:
    assert exists(path)


def test_contributing_names_targets_and_paths() -> None:
    """If there were none, the tests above would pass without testing anything."""
    assert targets_named() >= {"setup", "test", "book", "lint", "lab", "measure", "results"}
    assert paths_named() >= {"release/ship.py", "pages/results.py", "experiments/NAME.toml", "tests/", "Makefile"}
    assert not exists("vaelib/nowhere.py") and not exists("Makefile/") and not exists("nowhere/NAME.toml")


def test_the_workflow_runs_the_two_commands_of_the_readme() -> None:
    _, workflow = text_and_yaml(".github/workflows/course.yml")
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as a truth value
    assert set(triggers) == {"push", "pull_request"}
    steps = workflow["jobs"]["course"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    readme = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    asked = {command for _, block in readme for command in re.findall(r"^make \w+", block, re.MULTILINE)}
    assert asked == {"make test", "make book"} and asked <= set(commands)
    assert {"python-version": "3.11"} in [step.get("with") for step in steps]


def test_the_workflow_may_write_nothing_but_the_published_site() -> None:
    text, workflow = text_and_yaml(".github/workflows/course.yml")
    assert workflow["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert granted == {"publish": {"pages": "write", "id-token": "write"}}
    assert "refs/heads/main" in workflow["jobs"]["publish"]["if"] and "secrets." not in text


def test_the_citation_is_of_this_version() -> None:
    _, citation = text_and_yaml("CITATION.cff")
    assert (citation["cff-version"], citation["version"]) == ("1.2.0", vaelib.__version__)
    assert citation["title"] == text_and_yaml("_config.yml")[1]["title"]
    assert citation["authors"] == [{"name": "The vaelib contributors"}]
    assert not {"doi", "identifiers", "url", "repository-code"} & citation.keys()


def test_the_changelog_has_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[:2] == ["Unreleased", vaelib.__version__]


def test_the_hooks_run_from_the_environment() -> None:
    _, config = text_and_yaml(".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} == {".venv/bin/ruff", ".venv/bin/codespell"}
