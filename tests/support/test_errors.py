"""What a person sees when the surroundings fail: one sentence, exit status 2, and nothing that was computed is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from vaelib.support.errors import UserError, run_program

CODES = [
    *(errno.ENOENT, errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT),
    *(errno.EBUSY, errno.EINVAL, errno.ENOLCK, errno.ENOTCONN, errno.ENOMEM, errno.EPERM, errno.ENOSYS),
]


def said(work, capsys) -> str:
    with pytest.raises(SystemExit) as stopped:
        run_program("vaelib", work)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("vaelib: ") and message.endswith(".\n") and message.count("\n") == 1
    return message


def raising(error: BaseException):
    def work() -> None:
        raise error

    return work


NAMES = ["a\nb", "a\r\x1b[2Jb", "a\x85b", "a\u2028b", "tab\tname"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [UserError, lambda text: OSError(errno.ENOENT, "No such file", text)])
def test_a_name_cannot_move_the_cursor_or_end_the_line(capsys, name, kind):
    message = said(raising(kind(name + " is strange.")), capsys)
    assert all(char.isprintable() for char in message[:-1]) and message[8:].startswith(("a\\", "tab\\t"))


def test_letters_of_every_language_stay(capsys):
    assert said(raising(UserError("Straße, 写真 and\u00a0é.")), capsys) == "vaelib: Straße, 写真 and\u00a0é.\n"


@pytest.mark.parametrize("code", CODES)
def test_every_answer_of_the_system_is_a_sentence(capsys, code):
    message = said(raising(OSError(code, os.strerror(code), "some/place")), capsys)
    assert f"some/place cannot be used ({os.strerror(code)}): " in message


@pytest.mark.parametrize("error", [OSError("no number"), OSError(), ConnectionResetError(), TimeoutError("late")])
def test_errors_without_a_number_or_a_place(capsys, error):
    assert "cannot be used (" in said(raising(error), capsys)


def test_full_memory_and_mistakes_of_a_user(capsys):
    assert "memory is full" in said(raising(MemoryError()), capsys)
    assert said(raising(UserError("Do this.")), capsys) == "vaelib: Do this.\n"


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_program("vaelib", lambda: print(1 / 0))


def python(code: str, **options) -> subprocess.CompletedProcess:
    lines = f"from vaelib.support.errors import run_program\n{code}"
    return subprocess.run([sys.executable, "-c", lines], stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("page", ["ascii", "cp1251", "cp932", "cp437", "utf-8"])
def test_an_encoding_that_lacks_a_character_loses_nothing(page):
    code = "run_program('vaelib', lambda: print('sigma σ, café, × 10, M\\udcfcnchen'))"
    done = python(code, stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": page})
    assert done.returncode == 0 and done.stderr == b""
    assert b"sigma " in done.stdout and b"M\\udcfcnchen" in done.stdout


def test_an_output_that_is_full():
    with open("/dev/full", "w") as full:  # noqa: PTH123 (a device)
        done = python("run_program('vaelib', lambda: print('a' * 100))", stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(
        "vaelib: A file or the output cannot be used (No space left on device): free"
    )
    assert done.stderr.count(b"\n") == 1


def test_a_reader_who_has_seen_enough():
    code = "run_program('vaelib', lambda: [print('a' * 1000) for _ in range(1000)] and None)"
    reading, writing = os.pipe()
    os.close(reading)
    done = python(code, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_closed_streams():
    code = "import sys; sys.stdout = None\nrun_program('vaelib', lambda: None)"
    assert python(code).returncode == 0
