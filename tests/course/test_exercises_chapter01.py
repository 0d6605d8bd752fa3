"""The checks of chapter 01's exercises: right answers pass, likely mistakes get their hint."""

from __future__ import annotations

import pytest

from vaelib.course.exercises import chapter01

RIGHT = "✓ Correct."


def needed(eigenvalues, share):
    kept = eigenvalues.cumsum(0) / eigenvalues.sum()
    return (kept < share).sum().item() + 1


def without_normalising(eigenvalues, share):
    return (eigenvalues.cumsum(0) < share).sum().item() + 1


def smallest_first(eigenvalues, share):
    return needed(eigenvalues.flip(0), share)


def raising(eigenvalues, share):
    raise IndexError("index 7 is out of bounds")


def said(capsys, check, answer) -> str:
    check(answer)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (chapter01.narrowest_layer, 8),
        (chapter01.dimensions_needed, needed),
        (chapter01.noise_level, 0.063),
    ],
)
def test_right_answers_pass(capsys, check, answer) -> None:
    assert said(capsys, check, answer) == RIGHT


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (chapter01.narrowest_layer, 64, "narrower"),
        (chapter01.narrowest_layer, 3072, "computed from a few"),
        (chapter01.narrowest_layer, 5, "largest rank"),
        (chapter01.dimensions_needed, lambda e, s: needed(e, s) - 1, "one too few"),
        (chapter01.dimensions_needed, lambda e, s: needed(e, s) + 1, "one too many"),
        (chapter01.dimensions_needed, without_normalising, "divide by the sum"),
        (chapter01.dimensions_needed, smallest_first, "the smallest eigenvalue"),
        (chapter01.dimensions_needed, lambda e, s: needed(e, max(s, 0.75)), "your function says 2"),
        (chapter01.noise_level, 16, "Divide grey levels by 255"),
        (chapter01.noise_level, 0.004, "Which s"),
        (chapter01.noise_level, 0.02, "Try more"),
        (chapter01.noise_level, 0.15, "Try less"),
    ],
)
def test_likely_mistakes_get_their_hint(capsys, check, answer, hint) -> None:
    verdict = said(capsys, check, answer)
    assert verdict.startswith("✗ Not yet")
    assert hint in verdict


def test_a_function_without_a_body_is_not_answered_yet(capsys) -> None:
    assert said(capsys, chapter01.dimensions_needed, lambda eigenvalues, share: None).startswith("… Not answered yet")


def test_an_error_of_the_readers_code_is_reported(capsys) -> None:
    assert "stopped with IndexError: index 7" in said(capsys, chapter01.dimensions_needed, raising)
